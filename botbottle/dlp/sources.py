"""What ``bb scan`` looks at: files, directories, standard input, and what git has staged."""

from __future__ import annotations

import codecs
import gzip
import os
import re
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from botbottle.errors import UsageError

LARGEST = 256 * 1024 * 1024  # bytes; of what is larger the scanner says that it was not looked at
_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")
# The index decides what is looked at: no attribute (``* -diff``, a filter for display) or setting
# of whoever is scanned leaves a part out or moves it.
_GIT = ("git", "-c", "diff.relative=false")
# Files that are only renamed, empty or of another mode have a name, and no line.
_NAMES = ("diff", "--cached", "--name-only", "-z", "--diff-filter=d")
_DIFF = (
    "diff", "--cached", "--text", "--no-textconv", "--no-ext-diff", "--no-color", "--unified=0",
    "--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short",
)  # fmt: skip


def sources(
    paths: Sequence[str], base: Path, stdin: BinaryIO, *, diff: bool
) -> Iterator[tuple[str, bytes, int]]:
    """(name, bytes, first line) of everything to scan. Relative paths begin at ``base``. Raises
    UsageError for what cannot be read."""
    if diff:
        for name in _git(base, *_NAMES, "--", *paths).split(b"\0")[:-1]:
            yield name.decode("utf-8", "replace"), b"", 1
        yield from added(_git(base, *_DIFF, "--", *paths))
        return
    for path in paths or ("-",):
        if path == "-":
            yield "stdin", stdin.read(LARGEST + 1), 1
        elif (base / path).is_dir():
            for file in _walk(base / path):
                yield str(Path(path) / file.relative_to(base / path)), _content(file), 1
        else:
            yield path, _content(base / path), 1


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of one file, decompressed. Raises UsageError."""
    with _opened(path) as stream:
        yield from stream


def _content(path: Path) -> bytes:
    with _opened(path) as stream:
        return stream.read(LARGEST + 1)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if Path(os.path.realpath(path)).is_fifo():  # has a name: others, as of a shell, have a writer
        raise UsageError(f"{path} is a named pipe, which may never end: scan - reads one as input")
    try:
        with cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb") as stream:
            yield stream
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or "it is not whole, or not compressed"
        raise UsageError(f"cannot read {path}: {why}") from error


def _walk(root: Path) -> Iterator[Path]:
    def refused(error: OSError) -> NoReturn:
        raise UsageError(f"cannot read {error.filename}: {error.strerror}") from error

    for folder, folders, names in os.walk(root, onerror=refused):
        folders[:] = sorted(name for name in folders if name != ".git")
        for path in (Path(folder, name) for name in sorted(names)):
            if path.is_file() and not path.is_symlink():
                yield path


def _git(base: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(
            [*_GIT, *words], cwd=base, capture_output=True, check=True, timeout=120
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError("git diff --cached failed; is this a git repository?") from error
    return done.stdout


def added(diff: bytes) -> Iterator[tuple[str, bytes, int]]:
    """(path, added lines, first line) for each hunk of a unified diff without context."""
    path, start, lines = "", 0, list[bytes]()
    in_hunk = False
    for line in diff.split(b"\n"):
        hunk = _HUNK.match(line)
        if hunk or line.startswith(b"diff --git "):
            if lines:
                yield path, b"\n".join(lines), start
            lines, in_hunk = [], hunk is not None
            start = int(hunk[1]) if hunk else 0
        elif in_hunk and line.startswith(b"+"):
            lines.append(line[1:])
        elif line.startswith(b"+++ "):
            path = _name(line[4:])
    if lines:
        yield path, b"\n".join(lines), start


def _name(field: bytes) -> str:
    """A diff's file name: git puts a tab behind blanks and C-quotes odd characters."""
    name = field.rstrip(b"\t")
    if name.startswith(b'"') and name.endswith(b'"'):
        name = codecs.escape_decode(name[1:-1])[0]
    return name.removeprefix(b"b/").decode("utf-8", "replace")
