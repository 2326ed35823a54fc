"""Where this home and its projects lay when they were last applied.

Containers are named and labelled by hashes of these paths, so a folder that is moved, renamed or
deleted leaves bottles behind that no path leads to. What is kept here names them: one file a
project below ``HOME/run/projects``, and ``HOME/run/place`` for the home itself.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from botbottle.load.layers import layers
from botbottle.model.bottle import Project
from botbottle.model.paths import HomePaths


def note(paths: HomePaths, project: Project) -> None:
    """Keep both paths. A home that takes no files (a full disk) keeps nothing: orders go on."""
    _keep(Path(paths.place), paths.home)
    if project.root:
        _keep(Path(paths.project_place(project.id)), project.root)


def _keep(file: Path, text: str) -> None:
    if _read(file) == text:
        return
    new = file.with_name(f".{file.name}.{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with os.fdopen(_new(new), "wb") as written:
                written.write(os.fsencode(text))
            new.replace(file)
        finally:
            new.unlink(missing_ok=True)


def _new(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)


def _read(file: Path) -> str:
    try:
        return os.fsdecode(file.read_bytes())
    except OSError:
        return ""


def noted(paths: HomePaths, project: Project) -> bool:
    """Whether this project was ever applied with this home, as far as the home knows."""
    return bool(_read(Path(paths.project_place(project.id) if project.root else paths.place)))


def lost(paths: HomePaths, but: str = "") -> dict[str, str]:
    """Project → its folder, of those that are not there any more: no verb that is run anywhere
    would act on them. ``but``: the project that is acted on."""
    with suppress(OSError):
        names = sorted(p.name for p in Path(paths.project_places).iterdir() if p.name[0] != ".")
        places = {n: _read(Path(paths.project_place(n))) for n in names if n != but}
        return {n: root for n, root in places.items() if root and not _there(paths, n, root)}
    return {}


def _there(paths: HomePaths, project: str, root: str) -> bool:
    return layers(Path(paths.home), Path(root)).project_id.id == project


def before(paths: HomePaths) -> str:
    """The path that this home was last applied under, if it was another one. A copy of a home that
    is still there was applied nowhere."""
    found = _read(Path(paths.place))
    if found == paths.home or (found and _another(Path(HomePaths(found).place), Path(paths.place))):
        return ""
    return found


def _another(original: Path, here: Path) -> bool:
    try:
        return not original.samefile(here)
    except OSError:
        return False


def known(paths: HomePaths) -> tuple[str, ...]:
    """The ids of all projects that something was ever applied of: each has taken its lock."""
    locks = Path(paths.lock("any")).parent
    try:
        ids = {p.stem for p in locks.iterdir() if p.suffix == ".lock"}
    except OSError:
        return ()
    return tuple(sorted(name for name in ids if "." not in name))
