"""Host folders that are copied into an agent, and why one cannot be. Imports nothing heavy."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from botbottle.model.bottle import Declared

_MOST, _LARGEST = 4096, 64 << 20  # files and bytes of a skill; the copy of a larger one is refused
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe holds up nobody


def unfit(root: str, named: str) -> str:
    """Why a workspace cannot be copied from the project at ``root`` (empty: home, which is none),
    or an empty text."""
    if not root:
        return f"{named} is a folder of a project, and there is none here"
    path = os.path.normpath(f"{root}/{named}")
    if os.path.realpath(path) != path:
        return f"{named} is, or leads through, a symbolic link, which is not followed"
    return "" if Path(path).is_dir() else f"the project has no folder {named}"


def lacking(skills: Path, declared: Declared) -> dict[str, str]:
    """Folders of declared skills and workspaces that cannot be copied, and why: known before
    anything goes that they are copied into the successor of. A skill is the user's own and may be
    a link."""
    found = {}
    for name in sorted({s for b in declared.bottles for s in b.skills}):
        if not (path := skills / name).is_dir():
            found[str(path)] = f"the skill {name} is no directory at {path}"
    root = declared.project.root
    for named in sorted({b.workspace for b in declared.bottles if b.workspace}):
        if why := unfit(root, named):
            found[f"{root}/{named}"] = f"workspace: {why}"
    return found


def contents(skills: Path, declared: Declared) -> dict[str, str]:
    """Digests of what is in the declared skills: an edit of one is an edit of whoever has it."""
    return {
        name: content(skills / name)
        for name in sorted({s for b in declared.bottles for s in b.skills})
    }


def content(folder: Path) -> str:
    """A digest of names, rights, links and bytes below a folder, which may itself be a link; that
    of the beginning, where it is more than may be copied. What cannot be read has none: it cannot
    be copied either."""
    found, left = hashlib.sha256(), _LARGEST
    for number, path in enumerate(_below(Path(os.path.realpath(folder)))):
        if number >= _MOST or left < 0:
            break
        data = _read(path, left)
        left -= len(data)
        kind = _kind(path)
        head = f"{path.relative_to(os.path.realpath(folder))}\0{kind}\0{len(data)}\0"
        found.update(head.encode(errors="surrogateescape") + data)
    return found.hexdigest()[:16]


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(where) / name for name in sorted([*files, *folders]))


def _kind(path: Path) -> str:
    """What it is and who may run it; nothing of what is gone meanwhile."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return ""
    return f"{stat.S_IFMT(mode):o}.{mode & 0o111:o}"


def _read(path: Path, most: int) -> bytes:
    """The bytes of a file, the target of a link, nothing of anything else."""
    try:
        if path.is_symlink():
            return os.fsencode(path.readlink())
        if not path.is_file():
            return b""
        with os.fdopen(os.open(path, _READ), "rb") as file:
            return file.read(most + 1)
    except OSError:
        return b""
