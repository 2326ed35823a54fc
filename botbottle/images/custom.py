"""A bottle's own ``dockerfile:``: built from the directory it stands in, tagged by its content.

``ARG BB_BASE`` followed by ``FROM ${BB_BASE}`` builds on bb's own agent image; any other ``FROM``
is the user's choice. The recipe's name is ``dockerfile:PATH``.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from msgspec import Struct

from botbottle.errors import ManifestError

PREFIX = "dockerfile:"
BASE_ARG = "BB_BASE"
LIMIT = 64 * 1024 * 1024  # bytes of a whole context; it is read for every plan
FILES = 5000
_SKIP = {".git", "__pycache__"}
_OWN = "put it in a directory of its own, such as ~/.bot-bottle/images/NAME/Dockerfile"


class Entry(Struct, frozen=True):
    """One file (``data`` and ``mode``) or symbolic link (``link``) of a context."""

    data: bytes = b""
    mode: int = 0o644
    link: str = ""


class Custom(Struct, frozen=True):
    """A Dockerfile with its context: path inside the context → entry, sorted."""

    path: Path
    entries: dict[str, Entry]

    @property
    def on_our_base(self) -> bool:
        """Whether it asks for bb's agent image as its base."""
        return BASE_ARG.encode() in self.entries["Dockerfile"].data

    def digest(self, base: str) -> str:
        """SHA-256 over all names, kinds and contents, and the base's tag where it is used."""
        found = hashlib.sha256((base if self.on_our_base else "").encode())
        for name, entry in self.entries.items():
            head = f"\0{name}\0{entry.mode:o}\0{entry.link}\0{len(entry.data)}\0"
            found.update(head.encode() + entry.data)
        return found.hexdigest()


def is_custom(name: str) -> bool:
    """Whether a recipe's name means a Dockerfile of the user's."""
    return name.startswith(PREFIX)


def read(name: str) -> Custom:
    """Read the Dockerfile and its directory. Raises ManifestError (code BB2901)."""
    path = Path(name.removeprefix(PREFIX)).expanduser()
    if not path.is_absolute():
        raise _refused(path, "is not an absolute path", "write it as /... or ~/...")
    root = path.parent
    if _is_shared(root):
        raise _refused(path, f"would take all of {root} into the image", _OWN)
    try:
        entries = {"Dockerfile": Entry(path.read_bytes())}
        entries |= _walk(root, path)
    except OSError as error:
        raise _refused(path, error.strerror or str(error), "agent_provider.dockerfile") from error
    return Custom(path, entries)


def _refused(path: Path, why: str, hint: str) -> ManifestError:
    return ManifestError(f"dockerfile {path}: {why}", code="BB2901", hint=hint)


def _is_shared(root: Path) -> bool:
    """Directories that hold more than a build context: the ledger and credentials among it."""
    home = Path.home()
    return root in {Path("/"), home, Path("/tmp")} or (root / "bottles").is_dir()  # noqa: S108


def _walk(root: Path, dockerfile: Path) -> dict[str, Entry]:
    """Everything below ``root`` but the Dockerfile itself. Links are kept, never followed: what
    they point to outside is not part of the context."""
    found: dict[str, Entry] = {}
    size = 0
    for directory, folders, files in os.walk(root):
        folders[:] = sorted(set(folders) - _SKIP)
        links = [f for f in folders if (Path(directory) / f).is_symlink()]
        for name in sorted([*files, *links]):
            path = Path(directory) / name
            inside = path.relative_to(root).as_posix()
            entry = _entry(path)
            if entry is None or path == dockerfile or inside == "Dockerfile":
                continue
            found[inside] = entry
            size += len(entry.data)
            if size > LIMIT or len(found) > FILES:
                limit = f"its directory has more than {LIMIT >> 20} MiB or {FILES} files"
                raise _refused(dockerfile, limit, _OWN)
    return dict(sorted(found.items()))


def _entry(path: Path) -> Entry | None:
    """None for sockets, devices and pipes."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return Entry(link=str(path.readlink()))
    if not stat.S_ISREG(status.st_mode):
        return None
    if status.st_size > LIMIT:
        raise _refused(path, f"larger than {LIMIT >> 20} MiB", _OWN)
    return Entry(path.read_bytes(), 0o755 if status.st_mode & 0o111 else 0o644)
