"""Layers and names: which manifest files exist. Reads folders, never files, and imports
nothing heavy, so that completion stays fast."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from msgspec import Struct

from botbottle.model.bottle import Project

FOLDER = ".bot-bottle"
STALE = "bot-bottle.json"
SETTINGS = "settings.yml"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,47}")

type LayerName = Literal["home", "project"]
type Kind = Literal["bottles", "agents"]


class Entry(Struct, frozen=True):
    """A manifest file: ``name`` is its stem, ``path`` where it lies, ``file`` the path below
    the layer's root."""

    name: str
    path: Path
    file: str
    layer: LayerName


class Folder(Struct, frozen=True):
    """The manifest files of one folder by name, and files whose names cannot be names."""

    entries: dict[str, Entry]
    misnamed: tuple[str, ...] = ()
    unreadable: str = ""


class Layers(Struct, frozen=True):
    """Roots of the layers: ``home`` is the bb home, ``project`` the project's ``.bot-bottle``
    folder (None: only home)."""

    home: Path
    project: Path | None
    cwd: Path

    def root(self, layer: str) -> Path:
        """The folder that a layer's file names are relative to."""
        return self.project if layer == "project" and self.project else self.home

    @property
    def project_id(self) -> Project:
        """The project that resources are labelled with."""
        if self.project is None:
            return Project("home", "", str(self.home))
        import hashlib  # completion has no use for it

        root = self.project.parent
        digest = hashlib.sha256(str(root).encode()).hexdigest()[:8]
        stem = re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-")[:24] or "project"
        return Project(f"{stem}-{digest}", str(root), str(self.home))


def find_project(cwd: Path, home: Path | None = None) -> Path | None:
    """The nearest ancestor's ``.bot-bottle`` folder, or None.

    The bb home itself is never a project: its layer exists already. That also holds for the
    default home, which would otherwise turn every directory below it into one project.
    """
    homes = {os.path.realpath(p) for p in (home, Path.home() / FOLDER) if p}
    for directory in (here := Path(os.path.realpath(cwd)), *here.parents):
        folder = directory / FOLDER
        if folder.is_dir():
            return None if os.path.realpath(folder) in homes else folder
    return None


def owned_by_stranger(folder: Path) -> bool:
    """Whether ``folder`` belongs to neither this user nor root.

    Anybody may put a ``.bot-bottle`` into a shared directory such as ``/tmp``; its agents would
    run with this user's bottles. Root, who serves other people's checkouts, is not asked.
    """
    me = os.getuid()
    try:
        owner = folder.stat().st_uid
    except OSError:
        return False  # unreadable is told elsewhere
    return me != 0 and owner not in (0, me)


def layers(home: Path, cwd: Path | None) -> Layers:
    """The layers seen from ``cwd`` (None: home only)."""
    here = Path(os.path.realpath(cwd)) if cwd else Path(os.path.realpath(home))
    root = Path(os.path.realpath(home))
    return Layers(root, find_project(here, root) if cwd else None, here)


def scan(root: Path, kind: Kind, layer: LayerName) -> Folder:
    """The manifest files in one folder, in the order of their names."""
    entries: dict[str, Entry] = {}
    misnamed = []
    try:
        names = sorted(e.name for e in os.scandir(root / kind) if not e.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return Folder({})
    except OSError as error:
        return Folder({}, (), (error.strerror or "unknown error").lower())
    for file in names:
        stem, extension = os.path.splitext(file)  # noqa: PTH122  # Path per file costs more
        if extension == ".md" and _NAME.fullmatch(stem):
            entries[stem] = Entry(stem, root / kind / file, f"{kind}/{file}", layer)
        elif extension.lower() in (".md", ".yml", ".yaml"):
            # File names are bytes, and a project's come from anybody: they must not steer a
            # terminal, and what is not UTF-8 must still be printable.
            shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in file)
            misnamed.append(f"{kind}/{shown}")
    return Folder(dict(sorted(entries.items())), tuple(misnamed))


def agents(found: Layers) -> dict[str, Entry]:
    """All agents by name; the project's win over home's."""
    entries = scan(found.home, "agents", "home").entries
    if found.project:
        entries = entries | scan(found.project, "agents", "project").entries
    return dict(sorted(entries.items()))


def names(home: Path, cwd: Path | None, kind: Kind = "agents") -> tuple[str, ...]:
    """Names of agents (of home and project) or bottles (of home), sorted."""
    found = layers(home, cwd)
    if kind == "agents":
        return tuple(agents(found))
    return tuple(scan(found.home, "bottles", "home").entries)
