"""An agent with two volumes, and the operations that freeze and restore it."""

from __future__ import annotations

import io
import tarfile

from botbottle.model import labels, plan
from botbottle.model.plan import Ref
from botbottle.model.resources import ContainerSpec, Mount, VolumeSpec
from tests.support.engines import Lab

SECRET = "sk-real-0123456789abcdef0123456789abcdef"
PATHS = ("/home/agent", "/workspace")
TAG = "snap:1"


def volumes(lab: Lab, tail: str = "v") -> tuple[Mount, ...]:
    made = tuple(Mount("volume", p, lab.name(f"{tail}{i}")) for i, p in enumerate(PATHS))
    for mount in made:
        lab.engine.create_volume(VolumeSpec(mount.source, "web"), lab.labels("volume"))
    return made


def put(lab: Lab, ref: Ref, path: str, content: bytes) -> None:
    buffer = io.BytesIO()
    folder, _, name = path.rpartition("/")
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    lab.engine.put_archive(ref, folder, buffer.getvalue())


def agent(lab: Lab) -> Ref:
    ref = lab.run(lab.spec("agent", mounts=volumes(lab)))
    put(lab, ref, "/home/agent/own", b"mine")
    put(lab, ref, "/workspace/notes", b"thought")
    return ref


def marks(lab: Lab, kind: str) -> tuple[tuple[str, str], ...]:
    return (*lab.labels(kind), (labels.SPEC, "{}"))


def about(name: str, *after: str) -> dict[str, object]:
    return {"id": name, "resource": "web/agent", "bottle": "web", "reason": "frozen",
            "after": after}  # fmt: skip


def freeze(lab: Lab, ref: Ref) -> tuple[plan.Op, ...]:
    return (
        plan.StopContainer(**about("stop"), ref=ref, kill=True),  # type: ignore[arg-type]
        plan.CommitImage(
            **about("commit", "stop"),  # type: ignore[arg-type]
            ref=ref, tag=TAG, labels=marks(lab, "snapshot"),
        ),
        plan.SaveVolumes(
            **about("save", "commit"),  # type: ignore[arg-type]
            ref=ref, tag=f"{TAG}-volumes", snapshot=TAG, paths=PATHS,
            labels=marks(lab, "snapshot-volumes"),
        ),
    )  # fmt: skip


def restore(lab: Lab, mounts: tuple[Mount, ...]) -> plan.RestoreVolumes:
    spec = ContainerSpec(
        name=lab.name("restore"), kind="restore", bottle="web", image=f"{TAG}-volumes",
        command=("bb-restore",),
        mounts=tuple(Mount("volume", f"/{m.target.rpartition('/')[2]}", m.source) for m in mounts),
    )  # fmt: skip
    return plan.RestoreVolumes(
        **about("restore"),  # type: ignore[arg-type]
        spec=spec, labels=lab.labels("restore"),
    )  # fmt: skip


def images(lab: Lab) -> list[bool]:
    return [lab.engine.image_id(tag) is not None for tag in (TAG, f"{TAG}-volumes")]
