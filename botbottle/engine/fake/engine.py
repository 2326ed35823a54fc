"""An engine in memory that keeps the same contract as the real one.

Deterministic, fast (no I/O, no sleeping) and made for finding faults; truth stays with the real
engine, against which the same contract tests run. Safe for use from several threads.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from botbottle.engine.api import ExecResult
from botbottle.engine.errors import NotFound
from botbottle.engine.fake.contents import fill_volume, read_tar, write_file
from botbottle.engine.fake.images import FakeImages
from botbottle.engine.fake.networks import FakeNetworks, promise
from botbottle.engine.fake.world import Container
from botbottle.engine.fake.writer import Labels
from botbottle.errors import Conflict, EngineError
from botbottle.model.plan import Ref
from botbottle.model.resources import ContainerSpec, Limits


class FakeEngine(FakeNetworks, FakeImages):
    """``EngineWrite`` in memory: here the calls about containers."""

    def create_container(self, spec: ContainerSpec, name: str, labels: Labels) -> str:
        with self._write("create_container", name):
            image = self.world.image(spec.image)
            if image is None:
                raise NotFound(f"No such image: {spec.image}")
            if any(c.name == name for c in self.world.containers.values()):
                raise Conflict(f"the container name {name} is already in use")
            identity = self.world.new_id("container")
            container = Container(
                identity, name, spec, image.id, {**image.labels, **dict(labels)}, spec.limits
            )
            for attachment in spec.networks[:1]:
                promise(container, attachment)
            for mount in spec.mounts:
                if mount.kind == "volume":
                    self.world.volumes.setdefault(mount.source, {})
                    fill_volume(self.world, mount, image.id)
            self.world.containers[identity] = container
            self._tell("container", "create", identity, container.labels)
        return identity

    def start(self, ref: Ref) -> None:
        with self._write("start", ref):
            container = self.world.container(ref)
            if container.state == "paused":
                raise EngineError("cannot start a paused container, try unpause instead")
            if container.alive:
                return
            for name, endpoint in list(container.endpoints.items()):
                network = self.world.network(Ref(name, endpoint.network_id))
                container.endpoints[name] = self._settled(container, endpoint, network)
            self._run(container)

    def stop(self, ref: Ref, timeout: int) -> None:
        with self._write("stop", ref):
            self._end(ref, 143)

    def kill(self, ref: Ref, signal: str = "SIGKILL") -> None:
        with self._write("kill", ref):
            if signal == "SIGKILL":
                self._end(ref, 137)
            elif not self.world.container(ref).alive:
                raise Conflict(f"container {ref.name} is not running")

    def pause(self, ref: Ref) -> None:
        with self._write("pause", ref):
            container = self.world.container(ref)
            if not container.alive:
                raise Conflict(f"container {container.name} is not running")
            container.state = "paused"
            self._tell("container", "pause", container.id, container.labels)

    def unpause(self, ref: Ref) -> None:
        with self._write("unpause", ref):
            container = self.world.container(ref)
            if container.state == "paused":
                container.state = "running"
                self._tell("container", "unpause", container.id, container.labels)

    def remove_container(self, ref: Ref, *, kill: bool = False) -> None:
        with self._write("remove_container", ref):
            try:
                container = self.world.container(ref)
            except NotFound:
                return
            if container.alive and not kill:
                raise Conflict(f"cannot remove a running container {container.name}")
            self._end(ref, 137)
            del self.world.containers[container.id]
            self._tell("container", "destroy", container.id, container.labels)

    def rename(self, ref: Ref, name: str) -> None:
        with self._write("rename", ref, name):
            container = self.world.container(ref)
            holder = next((c for c in self.world.containers.values() if c.name == name), container)
            if holder is not container:
                raise Conflict(f"the container name {name} is already in use")
            container.name = name
            self._tell("container", "rename", container.id, container.labels)

    def update(self, ref: Ref, limits: Limits) -> None:
        with self._write("update", ref, limits):
            container = self.world.container(ref)
            container.limits = limits
            self._tell("container", "update", container.id, container.labels)

    def put_archive(self, ref: Ref, path: str, tar: bytes) -> None:
        with self._write("put_archive", ref, path):
            container = self.world.container(ref)
            roots = [m.target for m in container.spec.mounts if m.kind == "volume"]
            if container.spec.read_only and not any(_below(path, r) for r in roots):
                raise EngineError("container rootfs is marked read-only")
            for name, data in read_tar(tar).items():
                write_file(self.world, container, posixpath.join(path, name), data)

    def exec(
        self, ref: Ref, argv: Sequence[str], *, stdin: bytes = b"", user: str = "", timeout: float
    ) -> ExecResult:
        with self._write("exec", ref, tuple(argv)):
            container = self.world.container(ref)
            if container.state != "running":
                raise Conflict(f"Container {container.id} is not running")
            return self.on_exec(container.observed(full=True), argv, stdin)

    def _run(self, container: Container) -> None:
        self.world.counter += 1
        container.started_at = f"2026-01-01T00:00:00.{self.world.counter:09d}Z"
        container.state, container.exit_code = "running", None
        self._tell("container", "start", container.id, container.labels)
        code = self.exits.get(container.spec.command[0] if container.spec.command else "")
        if code is not None:
            self._end(Ref(container.name, container.id), code)

    def _end(self, ref: Ref, code: int) -> None:
        """A container that does not run, or is gone, stays as it is."""
        try:
            container = self.world.container(ref)
        except NotFound:
            return
        if container.alive:
            container.state, container.exit_code = "exited", code
            self._tell("container", "die", container.id, container.labels)


def _below(path: str, root: str) -> bool:
    return posixpath.normpath(path) == root or path.startswith(root + "/")
