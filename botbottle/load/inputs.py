"""Everything that what is loaded depends on, read once: the key under which a result is kept.

The keys of every manifest, the names in every folder that the loader looks at, what it looks for
in vain, who owns the project's folder, who else can write any of it, where home and project are,
and which code reads them: any of it changed is another key. What is not in here: the clock, and
the text below the keys, which is an agent's prompt as it stands, and nothing elsewhere. (With
characters in it that nobody sees it causes a finding, and is in the key.)
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from botbottle import __version__
from botbottle.load.exposed import exposed
from botbottle.load.fault import Fault
from botbottle.load.layers import SETTINGS, STALE, Folder, Kind, Layers, layers, scan
from botbottle.load.rawfile import read_bytes
from botbottle.load.source import cut, hidden_in_body, text_of

PACKAGE = Path(__file__).parents[1]
DEEPEST = 12  # folders below the package
_KINDS: tuple[Kind, ...] = ("bottles", "agents")

type Place = tuple[str, str]  # layer, path below its root


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """``key``: SHA-256 in hex. ``files``: each manifest's bytes. ``prompts``: of each agent file by
    its place. ``refused``: something is there that the loader refuses. ``changed``: when bb's own
    code last changed (seconds since 1970)."""

    key: str
    layers: Layers
    files: Mapping[Place, bytes]
    prompts: Mapping[Place, str]
    refused: bool
    changed: float


def inputs(home: Path, cwd: Path) -> Inputs | None:
    """None where something cannot be read: the loader has the words for it."""
    found = layers(home, cwd)
    try:
        folders = _folders(found)
        files = dict(_files(found, folders))
        unwanted = [str(path) for path in _unwanted(found) if os.path.lexists(path)]
        code, changed = code_identity()
        names = [(*place, *f.entries, *f.misnamed) for place, f in folders.items()]
        others = exposed(found, files)
        facts = (__version__, code, _surroundings(found), unwanted, names, others)
    except (OSError, Fault):
        return None
    digest = hashlib.sha256(repr(facts).encode())
    prompts: dict[Place, str] = {}
    for place, whole in files.items():
        part, data, prompts[place] = _parts(place, whole)
        digest.update("\0".join(("", *place, part, str(len(data)), "")).encode() + data)
    return Inputs(
        key=digest.hexdigest(), layers=found, files=files, prompts=prompts, changed=changed,
        refused=bool(unwanted) or any(e.refused for e in others),
    )  # fmt: skip


def _parts(place: Place, data: bytes) -> tuple[str, bytes, str]:
    """What of a file decides what it declares, and the prompt below that. What is no manifest
    counts as it is: as a whole, which no other file's keys are the same as."""
    layer, name = place
    if layer == "settings":
        return "whole", data, ""
    try:
        source = cut(text_of(data), name, "project" if layer == "project" else "home")
    except Fault:
        return "whole", data, ""
    if hidden_in_body(source):
        return "whole", data, source.body
    return "keys", source.front.encode(), source.body


def _folders(found: Layers) -> dict[Place, Folder]:
    """Every folder of manifests, also the one that the loader only warns about."""
    roots = {"home": found.home} | ({"project": found.project} if found.project else {})
    folders: dict[Place, Folder] = {}
    for layer, root in roots.items():
        for kind in _KINDS:
            folder = scan(root, kind, "project" if layer == "project" else "home")
            if folder.unreadable:
                raise OSError(folder.unreadable)
            folders[layer, kind] = folder
    return folders


def _files(found: Layers, folders: Mapping[Place, Folder]) -> Iterator[tuple[Place, bytes]]:
    """Every manifest that the loader reads, and those that a project's agents hide."""
    for place, folder in folders.items():
        if place != ("project", "bottles"):
            for entry in folder.entries.values():
                yield (
                    (entry.layer, entry.file),
                    read_bytes(entry.path, of_project=entry.layer == "project"),
                )
    settings = found.home / SETTINGS
    if os.path.lexists(settings):
        yield ("settings", SETTINGS), read_bytes(settings)


def _unwanted(found: Layers) -> Iterator[Path]:
    """What the loader refuses to see."""
    for name in ("settings.yaml", "settings.json", "settings.md"):
        yield found.home / name
    if found.project is not None:
        for name in (SETTINGS, "settings.yaml"):
            yield found.project / name
    else:
        yield from (directory / STALE for directory in (found.cwd, *found.cwd.parents))


def _surroundings(found: Layers) -> tuple[object, ...]:
    """Places, owners and plugins, and the interpreter with the folder of its libraries: an
    upgrade of one changes that folder."""
    libraries = os.stat(Path(msgspec.__file__).parents[1])  # noqa: PTH116  # a plain call
    contrib = found.home / "contrib"
    plugins = [e.name for e in os.scandir(contrib) if e.is_dir()] if contrib.is_dir() else []
    owner = found.project.stat().st_uid if found.project else os.getuid()
    return (
        str(found.home),
        str(found.project),
        owner,
        os.getuid(),
        sorted(plugins),
        sys.version,
        sys.prefix,
        libraries.st_ino,
        libraries.st_mtime_ns,
    )


def code_identity() -> tuple[str, float]:
    """A digest over place, size and times of every file of this package, and the latest of those
    times in seconds: the kernel sets the time of change, nobody can set it back. Raises OSError."""
    digest, latest = hashlib.sha256(), 0
    for entry in _code_files():
        found = entry.stat()
        latest = max(latest, found.st_ctime_ns)
        times = f"{found.st_size}\0{found.st_mtime_ns}\0{found.st_ctime_ns}"
        digest.update(f"{entry.path}\0{times}\0".encode(errors="surrogateescape"))
    return digest.hexdigest(), latest / 1e9


def _code_files() -> Iterator[os.DirEntry[str]]:
    """In a fixed order. Links to folders are followed, as Python does."""
    stack = [(str(PACKAGE), 0)]
    while stack:
        folder, depth = stack.pop()
        if depth > DEEPEST:
            raise OSError("a link leads back")
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                if entry.name.startswith((".", "__pycache__")):
                    continue
                if entry.is_dir():
                    stack.append((entry.path, depth + 1))
                else:
                    yield entry
