"""What ``bb scan`` looks at: nothing of a file or of what is staged is left out unsaid."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from botbottle.dlp import sources as module
from botbottle.dlp.command import ScanOptions, run
from botbottle.dlp.sources import added, sources
from botbottle.errors import UsageError
from tests.dlp.conftest import github


def git(where: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=where, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, rng: random.Random) -> Path:
    """A repository with a token on the second line of a staged file."""
    git(tmp_path, "init", "-q")
    (tmp_path / "sub").mkdir()
    (tmp_path / "key.txt").write_text(f"one\n{github(rng)}\n")
    git(tmp_path, "add", "key.txt")
    return tmp_path


def attribute(text: str, *config: str) -> Callable[[Path], None]:
    def change(where: Path) -> None:
        (where / ".gitattributes").write_text(f"key.txt {text}\n")
        git(where, "add", ".gitattributes")
        setting(*config)(where)

    return change


def setting(*pairs: str) -> Callable[[Path], None]:
    def change(where: Path) -> None:
        for pair in pairs:
            git(where, "config", *pair.split("=", 1))

    return change


def in_bytes(where: Path) -> None:
    """Git takes a file with a NUL for a binary one and says only that it differs."""
    (where / "key.txt").write_bytes(b"\0\n" + (where / "key.txt").read_bytes().split(b"\n")[1])
    git(where, "add", "key.txt")


HIDING: dict[str, Callable[[Path], None]] = {
    "nothing": setting(),
    "an attribute that says binary": attribute("-diff"),
    "a driver for binary files": attribute("diff=x", "diff.x.binary=true"),
    "a filter for display": attribute("diff=x", "diff.x.textconv=true"),
    "another program for diffs": attribute("diff=x", "diff.x.command=true", "diff.external=true"),
    "a NUL": in_bytes,
    "only what is below the folder": setting("diff.relative=true"),
    "no prefixes": setting("diff.noprefix=true"),
    "other prefixes": setting("diff.mnemonicPrefix=true"),
    "colours": setting("color.ui=always", "color.diff=always"),
    "context": setting("diff.context=9", "diff.interHunkContext=9"),
}


@pytest.mark.parametrize("how", HIDING)
def test_nothing_that_is_staged_can_be_hidden(how: str, repository: Path) -> None:
    HIDING[how](repository)
    out = io.StringIO()
    options = ScanOptions(diff=True, base=repository / "sub")
    assert run((), options, out, io.BytesIO()) == 1
    assert out.getvalue().startswith("key.txt:2:1: token github.token"), out.getvalue()


def test_hunks_keep_their_place() -> None:
    diff = b"diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1,0 +7,2 @@ x\n+++ a\n+b\n"
    diff += b"@@ -9 +12 @@\n-c\n+d\n"
    assert list(added(diff)) == [("f", b"++ a\nb", 7), ("f", b"d", 12)]


def test_file_names_of_a_diff_are_read_as_git_writes_them() -> None:
    names = {b"b/my file.py\t": "my file.py", b'"b/na\\303\\257ve\\t.py"': "naïve\t.py"}
    for written, meant in names.items():
        diff = b"diff --git a/x b/x\n+++ " + written + b"\n@@ -0,0 +1 @@\n+line\n"
        assert list(added(diff)) == [(meant, b"line", 1)]


@pytest.mark.parametrize("end", [0, 3, 20, -9, -1])
def test_a_compressed_file_that_is_not_whole_is_told_and_not_taken_for_clean(
    tmp_path: Path, end: int, rng: random.Random
) -> None:
    whole = gzip.compress(github(rng).encode() * 20, mtime=0)
    (tmp_path / "a.gz").write_bytes(whole)
    assert run(["a.gz"], ScanOptions(base=tmp_path), io.StringIO(), io.BytesIO()) == 1
    (tmp_path / "a.gz").write_bytes(whole[:end] if end else b"plain text")
    with pytest.raises(UsageError, match=r"a\.gz: .*not whole"):
        run(["a.gz"], ScanOptions(base=tmp_path), io.StringIO(), io.BytesIO())


def test_of_what_is_too_large_more_is_read_than_the_scanner_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 10)
    (tmp_path / "f").write_bytes(b"x" * 50)
    for given, stdin in ((["f"], b""), (["."], b""), (["-"], b"x" * 50)):
        ((_, data, _),) = sources(given, tmp_path, io.BytesIO(stdin), diff=False)
        assert len(data) == 11, "the scanner refuses a body over its bound"


def test_a_folder_that_cannot_be_read_is_told_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "open/shut").mkdir(parents=True)
    (tmp_path / "open/a").write_text("x")
    (tmp_path / "open/.git").mkdir()
    (tmp_path / "open/.git/b").write_text("x")
    found = [name for name, _, _ in sources(["open"], tmp_path, io.BytesIO(), diff=False)]
    assert found == ["open/a"]
    listed = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refusing)  # root may read any
    with pytest.raises(UsageError, match=r"cannot read .*/shut: Permission denied"):
        list(sources(["open"], tmp_path, io.BytesIO(), diff=False))


@pytest.mark.parametrize("change", ["new", "empty", "renamed"])
def test_a_token_in_a_staged_name_stops_the_commit_and_is_not_printed(
    repository: Path, rng: random.Random, change: str
) -> None:
    value = github(rng)
    git(repository, "rm", "-q", "--cached", "key.txt")
    if change == "renamed":
        (repository / "plain.txt").write_text("one\n" * 9)
        git(repository, "add", "plain.txt")
        git(repository, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "one")
        git(repository, "mv", "plain.txt", f"{value}.txt")
    else:
        (repository / f"{value}.txt").write_text("" if change == "empty" else "one\n")
        git(repository, "add", f"{value}.txt")
    (repository / "other.txt").write_text("two\n")
    git(repository, "add", "other.txt")
    out = io.StringIO()
    code = run([], ScanOptions(diff=True, base=repository, format="json"), out, io.BytesIO())
    (row,) = json.loads(out.getvalue())["findings"]
    assert (code, row["path"], row["location"]) == (1, "....txt", "name")
    assert value not in out.getvalue()
