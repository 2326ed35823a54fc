"""``bb init``, ``edit``, ``list``, ``info``, ``explain`` and completion, as plain functions and
as processes."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from botbottle.cli.complete import _AGENTS, _INNER, SCRIPTS, candidates
from botbottle.cli.edit import edit_file, find_file
from botbottle.cli.explain import explain_query
from botbottle.cli.group import load_verb
from botbottle.cli.info import show_info
from botbottle.cli.init import write_starter
from botbottle.cli.list import show_list
from botbottle.cli.starter import BUDGETS, PROVIDERS, Choices
from botbottle.cli.verbs import VERBS
from botbottle.errors import BBError, Exit, ManifestError, Refused, UsageError
from botbottle.load import load
from botbottle.providers import PROVIDERS as REGISTRY
from tests.cli_manifests.run import bb
from tests.load.homes import BASE, write


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write(
        tmp_path / "home",
        {
            "bottles/base": f"{BASE}\nshutdown: kill",
            "bottles/top": "extends: base\nshutdown: freeze",
            "agents/web": "bottle: top\nreplicas: 2",
            "agents/api": "bottle: base",
        },
    )


# init


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("allow", [(), ("api.github.com", "*.example.com")])
def test_a_starter_validates(tmp_path: Path, provider: str, allow: tuple[str, ...]) -> None:
    home = tmp_path / "home"
    choices = Choices("dev", provider, "2M/day", allow)
    assert write_starter(home, choices, False, io.StringIO()) == Exit.OK
    loaded = load(home)
    assert loaded.diagnostics == ()
    assert loaded.declared is not None
    (spec,) = loaded.declared.bottles
    assert (spec.template, spec.auth_token, spec.state) == (
        provider,
        PROVIDERS[provider],
        "started",
    )
    assert [r.host for r in spec.routes] == list(allow)
    assert [x.tokens for s in spec.scopes for x in s.limits if s.kind == "bottle"] == [2_000_000]


def test_a_starter_is_private_and_says_what_comes_next(tmp_path: Path) -> None:
    out = io.StringIO()
    write_starter(tmp_path / "h", Choices(), False, out)
    assert stat.S_IMODE((tmp_path / "h").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "h/settings.yml").stat().st_mode) == 0o600
    assert "ANTHROPIC_API_KEY" in out.getvalue()


def test_nothing_is_overwritten_unless_told(home: Path) -> None:
    before = (home / "bottles/base.md").read_text()
    with pytest.raises(Refused) as caught:
        write_starter(home, Choices("base"), False, io.StringIO())
    assert "bottles/base.md" in caught.value.message
    assert not (home / "settings.yml").exists()
    assert (home / "bottles/base.md").read_text() == before
    assert write_starter(home, Choices("base"), True, io.StringIO()) == Exit.OK


def test_a_second_bottle_is_begun_beside_the_first_under_the_same_settings(tmp_path: Path) -> None:
    home = tmp_path / "h"
    write_starter(home, Choices(), False, io.StringIO())
    (home / "settings.yml").write_text("max_changes: 3\n")
    out = io.StringIO()
    assert write_starter(home, Choices("web", "codex"), False, out) == Exit.OK
    assert (home / "settings.yml").read_text() == "max_changes: 3\n"
    assert "settings.yml" not in out.getvalue()
    found = load(home).declared
    assert found is not None and [b.name for b in found.bottles] == ["dev", "web"]


@pytest.mark.parametrize(
    "choices",
    [
        Choices(name="Bad Name"),
        Choices(provider="nobody"),
        Choices(budget="lots"),
        Choices(allow=("https://x.example",)),
    ],
)
def test_choices_that_would_not_validate_are_refused_before_anything_is_written(
    tmp_path: Path, choices: Choices
) -> None:
    with pytest.raises(UsageError):
        write_starter(tmp_path / "h", choices, False, io.StringIO())
    assert not (tmp_path / "h").exists()


def test_init_as_a_process_asks_nothing_without_a_terminal(tmp_path: Path) -> None:
    home = str(tmp_path / "h")
    ran = bb("--home", home, "init", "--provider", "codex", "--allow", "github.com", cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert bb("--home", home, "validate", cwd=tmp_path).code == 0
    again = bb("--home", home, "init", cwd=tmp_path)
    assert (again.code, "already there" in again.err) == (7, True)


def test_the_starter_knows_every_provider_as_it_is() -> None:
    assert {p.name: p.credential("", {}).variable for p in REGISTRY.values()} == PROVIDERS
    assert {p.name: p.budget for p in REGISTRY.values()} == BUDGETS


# edit


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
    def full(source: Path, to: Path) -> None:
        Path(to).write_text(Path(source).read_text()[:5])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copy2", full)
        with pytest.raises(OSError, match="No space"):
            edited(home, "api", "never seen")
    assert not list(home.rglob(".*"))
    code, err, _ = edited(home, "api", (home / "agents/api.md").read_text())
    assert (code, err) == (0, "bb edit: no change\n"), "it begins with the whole file"


def test_a_starter_that_cannot_be_written_says_where_and_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(BBError, match="the starter cannot be written: full") as caught:
        write_starter(tmp_path / "h", Choices(), False, io.StringIO())
    assert caught.value.where == str(tmp_path / "h/settings.yml")
    assert [p for p in (tmp_path / "h").rglob("*") if p.is_file()] == []


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


def test_the_editor_of_the_environment_is_used(home: Path) -> None:
    editor = f"{sys.executable} -c \"import sys; open(sys.argv[1], 'a').write('more')\""
    ran = bb("--home", str(home), "edit", "api", cwd=home, EDITOR=editor)
    assert ran.code == 0, ran.err
    assert (home / "agents/api.md").read_text().endswith("more")
    assert bb("--home", str(home), "edit", "api", cwd=home, EDITOR="false").code == 1
    assert not list(home.rglob(".*")), "a failed editor leaves no draft"
    assert bb("--home", str(home), "edit", "nope", cwd=home, EDITOR="true").code == 64


# list, info, explain


def test_the_list_shows_broken_files_and_what_is_active(home: Path) -> None:
    write(home, {"agents/broken": "bottle: ["})
    out = io.StringIO()
    show_list(home, home, {"web": "running", "web-2": "exited", "stranger": "running"}, False, out)
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines[:3] == [
        ["agent", "api", "home", "-"],
        ["agent", "broken", "home", "-"],
        ["agent", "web", "home", "web", "running,", "web-2", "exited"],
    ]
    assert [line[:2] for line in lines[3:]] == [["bottle", "base"], ["bottle", "top"]]


def test_the_list_as_a_document_and_without_an_engine(home: Path) -> None:
    ran = bb("--home", str(home), "list", "--json", cwd=home, DOCKER_HOST="unix:///nonexistent")
    rows = json.loads(ran.out)["rows"]
    assert ran.code == 0
    assert [(r["name"], r["active"]) for r in rows if r["kind"] == "agent"] == [
        ("api", None),
        ("web", None),
    ]


def test_info_shows_every_value_with_its_place(home: Path) -> None:
    out = io.StringIO()
    assert show_info("web-2", home, home, False, out, io.StringIO()) == 0
    text = out.getvalue()
    assert "made of   top < base" in text
    assert "shutdown = freeze" in text
    assert "home:bottles/top.md:3 (+1 overridden)" in text
    document = io.StringIO()
    show_info("web-2", home, home, True, document, io.StringIO())
    values = {v["path"]: v for v in json.loads(document.getvalue())["values"]}
    assert values["shutdown"]["winner"]["file"] == str(home / "bottles/top.md")
    assert values["shutdown"]["overridden"][0]["value"] == "kill"


def test_explain_prints_winners_and_losers(home: Path) -> None:
    out = io.StringIO()
    explain_query("web.shutdown", home, home, False, out, io.StringIO())
    assert out.getvalue() == (
        "shutdown = freeze\n    home:bottles/top.md:3\n    overrides home:bottles/base.md:3  kill\n"
    )


def test_explain_and_info_do_not_mind_a_broken_neighbour_but_do_mind_their_own(
    home: Path,
) -> None:
    write(home, {"agents/broken": "bottle: [", "bottles/bad": "x: 1"})
    assert explain_query("api.state", home, home, True, io.StringIO(), io.StringIO()) == 0
    write(home, {"bottles/base": "shutdown: 3"})
    err = io.StringIO()
    with pytest.raises(ManifestError):
        show_info("api", home, home, False, io.StringIO(), err)
    assert "BB2104" in err.getvalue()
    with pytest.raises(UsageError) as caught:
        show_info("wob", home, home, False, io.StringIO(), io.StringIO())
    assert "web" in caught.value.hint


def test_exit_codes_of_the_reading_verbs(home: Path) -> None:
    where = ("--home", str(home))
    assert bb(*where, "info", "web", cwd=home).code == 0
    assert bb(*where, "info", "nobody", cwd=home).code == 64
    assert bb(*where, "explain", "web.nope", cwd=home).code == 64
    write(home, {"bottles/base": "shutdown: 3"})
    assert bb(*where, "info", "web", cwd=home).code == 3


# completion


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["va"], ["validate"]),
        (["info", ""], ["api", "web"]),
        (["info", "w"], ["web"]),
        (["-C", "/", "info", "a"], ["api"]),
        (["edit", "bottles/t"], ["bottles/top"]),
        (["validate", "--format", "s"], ["sarif"]),
        (["plan", "--format", ""], ["json", "markdown", "text"]),
        (["apply", "--yes", "--allow", "w"], ["widen"]),
        (["plan", "--deny", ""], ["widens"]),
        (["version", ""], []),
        (["plan", "--only", "w"], ["web"]),
        (["apply", ""], []),  # a file: the shell's business
        (["budget", "s"], ["set", "show"]),
        (["routes", "suggest", "w"], ["web"]),
        (["resume-watch", "w"], ["web"]),
        (["usage", "--format", "o"], ["otel"]),
    ],
)
def test_completion_of_verbs_names_and_values(
    home: Path, words: list[str], expected: list[str]
) -> None:
    assert candidates(words, {"BB_HOME": str(home)}, home) == expected


def test_completion_knows_every_inner_verb_and_names_only_verbs_that_exist() -> None:
    groups = {v: load_verb(v).commands for v in VERBS if hasattr(load_verb(v), "commands")}
    assert {v: sorted(inner) for v, inner in groups.items()} == {
        v: sorted(inner) for v, inner in _INNER.items()
    }
    assert VERBS.keys() >= _AGENTS


def test_completion_is_fast_and_light(home: Path) -> None:
    for number in range(1000):
        (home / f"agents/agent-{number}.md").write_text("not read")
    code = (
        "import sys; sys.argv = ['bb', '__complete', '--home', sys.argv[1], 'info', 'agent-99'];"
        "from botbottle.__main__ import main; main();"
        "bad = {'pydantic', 'docker', 'ruamel.yaml', 'typer', 'rich'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2], timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.split()) == 11
    best = min(cpu_of_completion(home) for _ in range(3))
    assert best < 0.25  # 0.12 on a quiet machine; see benchmarks/manifests


def cpu_of_completion(home: Path) -> float:
    before = os.times()
    bb("__complete", "--home", str(home), "info", "agent-99")
    after = os.times()
    return (
        after.children_user
        + after.children_system
        - before.children_user
        - (before.children_system)
    )


@pytest.mark.parametrize("shell", SCRIPTS)
def test_completion_scripts_ask_bb(shell: str, tmp_path: Path) -> None:
    ran = bb("completion", shell, cwd=tmp_path)
    assert ran.code == 0
    assert "bb __complete" in ran.out
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=ran.out, text=True, check=True)
    assert bb("completion", "tcsh", cwd=tmp_path).code == 64


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


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "utf-8"])
def test_what_a_terminal_cannot_show_is_shown_as_its_code(home: Path, charset: str) -> None:
    (home / "bottles/loop.md").write_text("---\nextends: knot\n---\n")
    (home / "bottles/knot.md").write_text("---\nextends: loop\n---\n")
    ran = bb("--home", str(home), "-C", str(home), "validate", PYTHONIOENCODING=charset)
    arrow = "→" if charset == "utf-8" else "\\u2192"
    assert ran.code == 3 and f"knot {arrow} loop" in ran.out and "bug" not in ran.err
