"""Engines for tests: one in memory, and the real one with everything of a test cleaned away."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.engine.api import EngineWrite
from botbottle.engine.docker import DockerEngine, connect
from botbottle.engine.fake import FakeEngine
from botbottle.errors import EngineUnreachable
from botbottle.model import labels
from botbottle.model.plan import Ref
from botbottle.model.resources import Attachment, ContainerSpec, Mount, NetworkSpec
from tests.support import tinyimage

IDLE = ("/bin/sleep", "600")


@dataclass(frozen=True, slots=True)
class Lab:
    """An engine with an image, and names that no other test has."""

    engine: EngineWrite
    image: str
    home: str
    real: bool
    block: str  # first three octets of this lab's subnets

    def name(self, tail: str) -> str:
        return f"bbt-{self.home}-{tail}"

    def labels(self, kind: str = "agent", spec_hash: str = "") -> tuple[tuple[str, str], ...]:
        made = {
            labels.HOME: self.home,
            labels.PROJECT: "test",
            labels.BOTTLE: "web",
            labels.KIND: kind,
            labels.SPEC_HASH: spec_hash,
        }
        return tuple(sorted(made.items()))

    def network(self, tail: str = "net", index: int = 0, internal: bool = True) -> NetworkSpec:
        """The ``index``-th (0 to 15) of this lab's networks of 16 addresses."""
        kind = "internal" if internal else "outer"
        subnet = f"{self.block}.{16 * index}/28"
        return NetworkSpec(self.name(tail), kind, "web", internal, subnet)

    def address(self, last: int, index: int = 0) -> str:
        return f"{self.block}.{16 * index + last}"

    def spec(self, tail: str = "agent", *networks: Attachment, **fields: object) -> ContainerSpec:
        base = ContainerSpec(
            name=self.name(tail),
            kind="agent",
            bottle="web",
            image=self.image,
            command=IDLE,
            networks=networks,
            mounts=(Mount("tmpfs", "/run/bb", options="mode=0700,uid=1000,gid=1000"),),
        )
        return replace(base, **fields)  # type: ignore[arg-type]

    def run(self, spec: ContainerSpec) -> Ref:
        """Create and start."""
        identity = self.engine.create_container(spec, spec.name, self.labels())
        ref = Ref(spec.name, identity)
        self.engine.start(ref)
        return ref

    def clean(self) -> None:
        """Remove everything with this lab's label."""
        found = self.engine.observe(self.home)
        mine = [c for c in found.containers if c.labels.get(labels.HOME) == self.home]
        for container in mine:
            self.engine.remove_container(Ref(container.name, container.id), kill=True)
        for network in found.networks:
            if network.labels.get(labels.HOME) == self.home:
                self.engine.remove_network(Ref(network.name, network.id))
        for volume in found.volumes:
            self.engine.remove_volume(volume.name)
        for image in self.engine.images(f"{labels.HOME}={self.home}"):
            for tag in image.tags:
                self.engine.remove_image(tag)


def fake_lab() -> Lab:
    engine = FakeEngine()
    engine.build(b"", tag="tiny:1", labels=())
    engine.calls.clear()
    engine.event_log.tick = 0.05
    return Lab(engine, "tiny:1", uuid.uuid4().hex[:8], False, "10.199.0")


def real_engine() -> DockerEngine:
    """The engine of the environment. Without DOCKER_HOST and without an engine the test is
    skipped; a named engine that does not answer is a failure."""
    engine = connect()
    try:
        engine.ping()
    except EngineUnreachable:
        if os.environ.get("DOCKER_HOST"):
            raise
        pytest.skip("no Docker Engine answers (make e2e starts a private one)")
    return engine


@contextlib.contextmanager
def real_lab() -> Iterator[Lab]:
    engine = real_engine()
    ensure_tiny(engine)
    home = uuid.uuid4().hex[:8]
    lab = Lab(engine, tinyimage.tag(), home, True, random_block(home))
    try:
        yield lab
    finally:
        lab.clean()
        engine.close()


def random_block(seed: str) -> str:
    """First three octets of subnets that no other test is likely to use at the same time; away
    from bb's own pool and the private engine's default one."""
    return f"10.{128 + int(seed[:2], 16) // 4}.{int(seed[2:4], 16)}"


def ensure_tiny(engine: EngineWrite) -> None:
    """Import the tiny image unless it is there."""
    if engine.image_id(tinyimage.tag()):
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "tiny.tar"
        path.write_bytes(tinyimage.rootfs())
        engine.import_tar(str(path), tag=tinyimage.tag(), labels=())
