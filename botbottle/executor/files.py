"""Provider files (prompt, settings, skills, workspace) into a created agent container."""

from __future__ import annotations

import io
import os
import posixpath
import stat
import tarfile

from botbottle.errors import EngineError
from botbottle.executor.api import Tools
from botbottle.executor.trees import Room, entries
from botbottle.model.plan import CopyFiles, Ref
from botbottle.providers import AGENT_HOME, WORKSPACE

MAX_BYTES = 512 * 1024 * 1024  # of one copy: it is held in memory
TIMEOUT = 120.0  # seconds
# The agent's volumes: what is copied before the first start must lie in one of them, as the
# engine refuses to write to a read-only root.
ROOTS = (AGENT_HOME, WORKSPACE)
DEFAULT_IDS = (1000, 1000)

type Ids = tuple[int, int]


def copy(op: CopyFiles, ref: Ref, tools: Tools, ids: Ids = DEFAULT_IDS) -> None:
    """Copy texts and trees. A running container gets them through its own ``tar`` (the engine
    cannot see a running container's memory file systems), one that is created through the
    engine."""
    container = tools.engine.container(ref)
    if container is None:
        raise EngineError("the container is gone", where=op.resource)
    for root in (*ROOTS, "/"):
        tar = archive(op, root, ids)
        if not tar:
            continue
        if container.state != "running":
            tools.engine.put_archive(ref, root, tar)
            continue
        result = tools.engine.exec(ref, ("tar", "-x", "-C", root), stdin=tar, timeout=TIMEOUT)
        if result.exit_code != 0:
            raise EngineError(
                f"files could not be copied (exit code {result.exit_code})", where=op.resource
            )


def root_of(target: str) -> str:
    """The volume a container path lies in; ``/`` outside of them."""
    path = posixpath.normpath(target) + "/"
    return next((r for r in ROOTS if path.startswith(f"{r}/")), "/")


def archive(op: CopyFiles, root: str, ids: Ids) -> bytes:
    """A tar of what goes below ``root``, with paths relative to it and owned by ``ids``; empty
    when nothing does. The same input gives the same bytes. Directories between ``root`` and a
    target are part of it, so that the agent owns them."""
    texts = [(inside(t, root), text) for t, text in sorted(op.texts) if root_of(t) == root]
    trees = [(inside(t, root), s) for s, t in sorted(op.files) if root_of(t) == root]
    if not texts and not trees:
        return b""
    buffer, room = io.BytesIO(), Room(MAX_BYTES)
    made = {""}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for target, text in texts:
            _parents(tar, target, ids, made)
            _add_bytes(tar, target, text.encode(), 0o644, ids)
        for target, source in trees:
            _parents(tar, target, ids, made)
            _add_tree(tar, _start(source, root), target, ids, made, room)
    return buffer.getvalue()


def inside(target: str, root: str) -> str:
    """``target`` relative to ``root``; empty for ``root`` itself."""
    relative = posixpath.relpath(posixpath.normpath(target), root)
    return "" if relative == "." else relative


def _parents(tar: tarfile.TarFile, target: str, ids: Ids, made: set[str]) -> None:
    parts = target.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        _add_directory(tar, "/".join(parts[:depth]), ids, made)


def _start(source: str, root: str) -> str:
    """Where a copy begins. A skill may be a link, as it is the user's own; a workspace comes from a
    project, which could point it anywhere."""
    return source if root == WORKSPACE else os.path.realpath(source)


def _add_tree(
    tar: tarfile.TarFile, source: str, target: str, ids: Ids, made: set[str], room: Room
) -> None:
    """Links inside are copied as links and never followed: nobody hands out host files by
    pointing at them."""
    for entry in entries(source, room):
        name = posixpath.join(target, entry.path) if entry.path else target
        if stat.S_ISDIR(entry.mode):
            _add_directory(tar, name, ids, made)
        elif stat.S_ISLNK(entry.mode):
            _add_link(tar, name, entry.link, ids)
        else:
            mode = 0o755 if entry.mode & stat.S_IXUSR else 0o644
            _add_bytes(tar, name, entry.data, mode, ids)


def _info(name: str, ids: Ids, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(posixpath.normpath(name))
    info.uid, info.gid = ids
    info.mode = mode
    return info


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes, mode: int, ids: Ids) -> None:
    info = _info(name, ids, mode)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _add_directory(tar: tarfile.TarFile, name: str, ids: Ids, made: set[str]) -> None:
    if name not in made:
        made.add(name)
        info = _info(name, ids, 0o755)
        info.type = tarfile.DIRTYPE
        tar.addfile(info)


def _add_link(tar: tarfile.TarFile, name: str, target: str, ids: Ids) -> None:
    info = _info(name, ids, 0o777)
    info.type = tarfile.SYMTYPE
    info.linkname = target
    tar.addfile(info)
