"""``bb edit``: a draft in the editor, put in place only when everything validates."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path
from typing import IO

import pytest

from botbottle.cli.edit import edit_file, find_file
from botbottle.errors import Exit, Refused, UsageError
from botbottle.load import load
from tests.cli_manifests.run import bb


def edited(home: Path, name: str, *texts: str) -> tuple[int, str, Path]:
    """Edit with an editor that writes ``texts`` one after the other."""
    path = find_file(name, home, home)
    rounds = iter(texts)
    err = io.StringIO()
    seen: list[str] = []

    def editor(draft: Path) -> None:
        seen.append(draft.read_text())
        draft.write_text(next(rounds))

    code = edit_file(path, home, home, editor, lambda: len(seen) < len(texts), err)
    return code, err.getvalue(), path


def test_a_good_edit_is_put_in_place_with_the_files_mode(home: Path) -> None:
    path = home / "agents/api.md"
    path.chmod(0o640)
    code, err, path = edited(home, "api", "---\nbottle: top\n---\n")
    assert (code, path.read_text()) == (0, "---\nbottle: top\n---\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "saved" in err
    assert not list(home.rglob(".*"))


def test_a_broken_edit_leaves_the_file_alone_and_keeps_the_draft(home: Path) -> None:
    before = (home / "bottles/base.md").read_text()
    code, err, path = edited(home, "bottles/base", "---\nshutdwon: kill\n---\n")
    assert code == Exit.INVALID
    assert path.read_text() == before
    assert "did you mean 'shutdown'" in err
    draft = path.with_name(".base.edit.md")
    assert "shutdwon" in draft.read_text()
    assert load(home).errors == ()


def test_a_kept_draft_is_gone_on_with(home: Path) -> None:
    edited(home, "api", "---\nbottle: nope\n---\n")
    code, err, path = edited(home, "api", "---\nbottle: top\n---\n")
    assert (code, "going on with the draft" in err) == (0, True)
    assert "top" in path.read_text()


def test_a_broken_edit_can_be_repaired_in_the_same_sitting(home: Path) -> None:
    code, err, path = edited(home, "api", "---\nbottle: nope\n---\n", "---\nbottle: top\n---\n")
    assert code == 0
    assert "BB2210" in err
    assert "bottle: top" in path.read_text()


def test_an_edit_that_breaks_another_file_is_not_saved(home: Path) -> None:
    """The agent ``web`` needs ``top``; making ``top`` extend nothing known breaks it."""
    code, err, _ = edited(home, "top", "---\nextends: gone\n---\n")
    assert code == Exit.INVALID
    assert "BB2203" in err


def test_an_unchanged_file_is_left_alone(home: Path) -> None:
    before = (home / "agents/api.md").stat()
    code, err, path = edited(home, "api", (home / "agents/api.md").read_text())
    assert (code, "no change" in err) == (0, True)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert not list(home.rglob(".*"))


def test_a_disk_that_is_full_leaves_no_part_of_a_draft_to_go_on_with(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: IO[bytes], to: IO[bytes]) -> None:
        to.write(source.read(5))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", full)
        with pytest.raises(OSError, match="No space"):
            edited(home, "api", "never seen")
    assert not list(home.rglob(".*"))
    code, err, _ = edited(home, "api", (home / "agents/api.md").read_text())
    assert (code, err) == (0, "bb edit: no change\n"), "it begins with the whole file"


@pytest.mark.parametrize("drafts", ["kept", "of this process"])
def test_no_link_that_a_repository_brings_is_written_through(
    drafts: str, home: Path, tmp_path: Path
) -> None:
    place = ".api.edit.md" if drafts == "kept" else f".api.edit.md.{os.getpid()}"
    theirs = tmp_path / "authorized_keys"
    theirs.write_text("mine")
    (home / "agents" / place).symlink_to(theirs)
    try:
        edited(home, "api", "---\nbottle: nope\n---\n")
        refused = False
    except Refused as error:
        refused = place in error.where
    assert theirs.read_text() == "mine"
    assert refused == (drafts == "kept")


@pytest.mark.parametrize("whole", [False, True], ids=["the file", "its folder"])
def test_a_projects_manifest_that_is_another_file_of_the_users_is_neither_shown_nor_written(
    home: Path, tmp_path: Path, whole: bool
) -> None:
    mine, folder = tmp_path / "notes", tmp_path / "repo/.bot-bottle"
    folder.mkdir(parents=True)
    mine.mkdir()
    (mine / "web.md").write_text("---\nbottle: base\n---\nmy private notes\n")
    place = folder / "agents"
    if whole:
        place.symlink_to(mine)
    else:
        place.mkdir()
        (place / "web.md").symlink_to(mine / "web.md")
    path = find_file("web", home, folder.parent)
    seen: list[Path] = []
    with pytest.raises(Refused, match="leads out of the project"):
        edit_file(path, home, folder.parent, seen.append, lambda: False, io.StringIO())
    assert seen == [] and [p.name for p in mine.iterdir()] == ["web.md"]
    assert "private" in (mine / "web.md").read_text()


@pytest.mark.parametrize("kind", ["a second name", "a pipe", "a folder", "a dangling link"])
def test_a_draft_that_nobody_can_have_kept_is_refused(
    kind: str, home: Path, tmp_path: Path
) -> None:
    draft = home / "agents/.api.edit.md"
    other = tmp_path / "other"
    if kind == "a second name":
        other.write_text("x")
        draft.hardlink_to(other)
    elif kind == "a pipe":
        os.mkfifo(draft)
    elif kind == "a folder":
        draft.mkdir()
    else:
        draft.symlink_to(other)
    with pytest.raises(Refused):
        edited(home, "api", "never written")
    assert not other.exists() or other.read_text() == "x"


def test_a_link_is_edited_where_it_leads(home: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.md"
    real.write_text("---\nbottle: base\n---\n")
    (home / "agents/linked.md").symlink_to(real)
    edited(home, "linked", "---\nbottle: top\n---\n")
    assert (home / "agents/linked.md").is_symlink()
    assert "top" in real.read_text()


def test_names_of_manifests_to_edit(home: Path) -> None:
    (home / "settings.yml").write_text("shutdown: kill\n")
    assert find_file("web", home, home).name == "web.md"
    assert find_file("base", home, home).parent.name == "bottles"
    assert find_file("agents/web.md", home, home).parent.name == "agents"
    assert find_file("settings", home, home).name == "settings.yml"
    for name in ("nope", "bottles/web", "../etc/passwd"):
        with pytest.raises(UsageError):
            find_file(name, home, home)
    with pytest.raises(UsageError) as told:
        find_file("bottles/bse", home, home)
    assert told.value.hint == "did you mean bottles/base?"


def test_the_editor_of_the_environment_is_used(home: Path) -> None:
    editor = f"{sys.executable} -c \"import sys; open(sys.argv[1], 'a').write('more')\""
    ran = bb("--home", str(home), "edit", "api", cwd=home, EDITOR=editor)
    assert ran.code == 0, ran.err
    assert (home / "agents/api.md").read_text().endswith("more")
    assert bb("--home", str(home), "edit", "api", cwd=home, EDITOR="false").code == 1
    assert not list(home.rglob(".*")), "a failed editor leaves no draft"
    assert bb("--home", str(home), "edit", "nope", cwd=home, EDITOR="true").code == 64


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        ("false", "'false' ended with 1"),
        ("/nonexistent/vi", "cannot be started: No such file"),
        ('vi "', "is no command: No closing quotation"),
    ],
)
def test_an_editor_that_fails_is_told_with_its_reason(home: Path, editor: str, words: str) -> None:
    ran = bb("--home", str(home), "edit", "api", cwd=home, EDITOR=editor)
    assert ran.code == 1 and words in ran.err and "set EDITOR" in ran.err


def test_settings_that_do_not_exist_yet_can_be_edited(home: Path) -> None:
    (home / "settings.yml").unlink(missing_ok=True)
    editor = f"{sys.executable} -c \"import sys; open(sys.argv[1], 'w').write('max_changes: 3')\""
    assert bb("--home", str(home), "edit", "settings", cwd=home, EDITOR="true").code == 0
    assert not (home / "settings.yml").exists()
    assert bb("--home", str(home), "edit", "settings", cwd=home, EDITOR=editor).code == 0
    assert (home / "settings.yml").read_text() == "max_changes: 3"
    assert (home / "settings.yml").stat().st_mode & 0o777 == 0o600


def test_without_a_terminal_no_editor_is_started_that_nobody_chose(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    done = bb("--home", str(home), "edit", "api")
    assert done.code == Exit.REFUSED and "BB7006" in done.err
    assert not list(home.rglob(".*"))
    chosen = bb("--home", str(home), "edit", "api", EDITOR="/bin/true")
    assert chosen.err == "bb edit: no change\n"
