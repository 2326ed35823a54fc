"""What the sentences of the contract share: a look at the lab, and files in volumes."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

from botbottle.model.plan import Ref
from botbottle.model.resources import Attachment, Mount, ObservedContainer, VolumeSpec
from tests.support.engines import Lab

NOBODY = Ref("bbt-nobody")


WHERE = ("/data/home", "/data/work")


def only(lab: Lab) -> ObservedContainer:
    (found,) = lab.engine.observe(lab.home).containers
    return found


def on(lab: Lab, tail: str = "net", last: int = 0) -> Attachment:
    return Attachment(lab.name(tail), lab.address(last) if last else "", ("agent",))


def tar_of(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size, info.uid, info.gid = len(data), 1000, 1000
        tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def with_volumes(lab: Lab, tail: str, image: str = "", targets: tuple[str, str] = WHERE) -> Ref:
    mounts = [Mount("volume", t, lab.name(f"{tail}-{t.split('/')[-1]}")) for t in targets]
    for mount in mounts:
        lab.engine.create_volume(VolumeSpec(mount.source, "web"), lab.labels("volume"))
    spec = lab.spec(tail, mounts=tuple(mounts), image=image or lab.image, read_only=True)
    return Ref(spec.name, lab.engine.create_container(spec, spec.name, lab.labels()))


def files(pieces: Iterable[bytes]) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        return {m.name: f.read() for m in tar if m.isfile() and (f := tar.extractfile(m))}


def put(lab: Lab, ref: Ref, where: str, name: str, content: bytes) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    lab.engine.put_archive(ref, where, buffer.getvalue())


def _is_tar(content: bytes) -> bool:
    return content[257:262] == b"ustar"
