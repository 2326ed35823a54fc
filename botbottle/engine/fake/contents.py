"""Files in volumes and images of the engine in memory, and tars of them."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterable

from botbottle.engine.fake.world import Container, Files, World
from botbottle.model.resources import Mount


def read_tar(data: bytes) -> Files:
    """Name → content of the regular files."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = ((m.name, archive.extractfile(m)) for m in archive if m.isfile())
        return {name: file.read() for name, file in found if file}


def make_tar(files: Iterable[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def volume_of(container: Container, path: str) -> tuple[str, str]:
    """(volume, path in it) of a container's path; an empty volume outside of all."""
    for mount in container.spec.mounts:
        if mount.kind == "volume" and path.startswith(f"{mount.target}/"):
            return mount.source, posixpath.relpath(path, mount.target)
    return "", path


def write_file(world: World, container: Container, path: str, content: bytes) -> None:
    """Into the container, and into the volume that lies there."""
    container.files[path] = content
    volume, relative = volume_of(container, path)
    if volume:
        world.kept.setdefault(volume, {})[relative] = content


def files_below(world: World, container: Container, path: str) -> list[tuple[str, bytes]]:
    """(name beginning with the last component of ``path``, content)."""
    found = dict(container.files)
    for mount in container.spec.mounts:
        if mount.kind == "volume":
            for relative, content in world.kept.get(mount.source, {}).items():
                found[posixpath.join(mount.target, relative)] = content
    parent = posixpath.dirname(path)
    inside = (p for p in sorted(found) if p.startswith(f"{path}/"))
    return [(posixpath.relpath(p, parent), found[p]) for p in inside]


def fill_volume(world: World, mount: Mount, image_id: str) -> None:
    """As Docker does when a container is made: an empty volume gets what its image has there."""
    layer = world.layers.get(image_id, {})
    if not world.kept.get(mount.source):
        start = f"{mount.target}/"
        inside = {p.removeprefix(start): c for p, c in layer.items() if p.startswith(start)}
        world.kept[mount.source] = inside
