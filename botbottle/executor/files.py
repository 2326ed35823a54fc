"""Provider files (prompt, settings, skills, workspace) into a created agent container."""

from __future__ import annotations

import io
import os
import posixpath
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

from botbottle.errors import BBError, EngineError
from botbottle.executor.api import Tools
from botbottle.model.plan import CopyFiles, Ref

MAX_BYTES = 512 * 1024 * 1024  # of one copy: it is held in memory
TIMEOUT = 120.0  # seconds
DEFAULT_IDS = (1000, 1000)

type Ids = tuple[int, int]


def copy(op: CopyFiles, ref: Ref, tools: Tools, ids: Ids = DEFAULT_IDS) -> None:
    """Copy texts and trees. A running container gets them through its own ``tar`` (the engine
    cannot see a running container's memory file systems), one that is created through the
    engine."""
    tar = archive(op, ids)
    container = tools.engine.container(ref)
    if container is None:
        raise EngineError("the container is gone", where=op.resource)
    if container.state != "running":
        tools.engine.put_archive(ref, "/", tar)
        return
    result = tools.engine.exec(ref, ("tar", "-x", "-C", "/"), stdin=tar, timeout=TIMEOUT)
    if result.exit_code != 0:
        raise EngineError(
            f"files could not be copied (exit code {result.exit_code})", where=op.resource
        )


def archive(op: CopyFiles, ids: Ids) -> bytes:
    """A tar of everything, with paths relative to the container's root and owned by ``ids``;
    the same input gives the same bytes. Directories above a target are part of it, so that the
    agent owns what is made for it."""
    buffer = io.BytesIO()
    made: set[str] = set()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for target, text in sorted(op.texts):
            _parents(tar, target, ids, made)
            _add_bytes(tar, target, text.encode(), 0o644, ids)
        for source, target in sorted(op.files):
            _parents(tar, target, ids, made)
            _add_tree(tar, Path(source), target, ids, made)
            if buffer.tell() > MAX_BYTES:
                raise EngineError(
                    f"{source} is too large to copy (limit {MAX_BYTES >> 20} MiB)",
                    where=op.resource,
                )
    return buffer.getvalue()


def _parents(tar: tarfile.TarFile, target: str, ids: Ids, made: set[str]) -> None:
    """Directories below the first two levels (``/home/agent`` is the image's own)."""
    parts = posixpath.normpath(target).strip("/").split("/")[:-1]
    for depth in range(3, len(parts) + 1):
        _add_directory(tar, "/".join(parts[:depth]), ids, made)


def _add_tree(tar: tarfile.TarFile, source: Path, target: str, ids: Ids, made: set[str]) -> None:
    try:
        for path, relative in _walk(source):
            inside = posixpath.join(target, relative) if relative else target
            info = path.lstat()
            if stat.S_ISDIR(info.st_mode):
                _add_directory(tar, inside, ids, made)
            elif stat.S_ISLNK(info.st_mode):
                _add_link(tar, inside, str(path.readlink()), ids)
            elif stat.S_ISREG(info.st_mode):
                mode = 0o755 if info.st_mode & stat.S_IXUSR else 0o644
                _add_bytes(tar, inside, path.read_bytes(), mode, ids)
    except OSError as error:
        raise BBError(f"cannot read {source}: {error.strerror or error}", code="BB1012") from error


def _walk(source: Path) -> Iterator[tuple[Path, str]]:
    """The tree below ``source`` in a stable order. Links are copied as links and never followed:
    a project must not be able to hand out host files by pointing at them."""
    if not source.is_dir() or source.is_symlink():
        yield source, ""
        return
    for root, directories, names in os.walk(source):
        directories.sort()
        base = Path(root)
        yield base, _relative(base, source)
        linked = [d for d in directories if (base / d).is_symlink()]
        for name in sorted([*names, *linked]):
            yield base / name, _relative(base / name, source)


def _relative(path: Path, source: Path) -> str:
    relative = path.relative_to(source).as_posix()
    return "" if relative == "." else relative


def _info(name: str, ids: Ids, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(posixpath.normpath(name).lstrip("/"))
    info.uid, info.gid = ids
    info.mode = mode
    return info


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes, mode: int, ids: Ids) -> None:
    info = _info(name, ids, mode)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _add_directory(tar: tarfile.TarFile, name: str, ids: Ids, made: set[str]) -> None:
    info = _info(name, ids, 0o755)
    if info.name not in made:
        made.add(info.name)
        info.type = tarfile.DIRTYPE
        tar.addfile(info)


def _add_link(tar: tarfile.TarFile, name: str, target: str, ids: Ids) -> None:
    info = _info(name, ids, 0o777)
    info.type = tarfile.SYMTYPE
    info.linkname = target
    tar.addfile(info)
