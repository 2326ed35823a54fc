"""An engine in memory that keeps the same contract as the real one.

Deterministic, fast (no I/O, no sleeping) and made for finding faults; truth stays with the real
engine, against which the same contract tests run. Safe for use from several threads.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct
from msgspec.structs import replace

from botbottle.engine.api import Event, ExecResult
from botbottle.engine.errors import NotFound
from botbottle.engine.fake.contents import fill_volume, read_tar, write_file
from botbottle.engine.fake.faults import Faults
from botbottle.engine.fake.reader import FakeReader, overlap
from botbottle.engine.fake.world import Container, Network, World
from botbottle.errors import Conflict, EngineError
from botbottle.model import canonical, labels
from botbottle.model.plan import Ref
from botbottle.model.resources import (
    Attachment,
    ContainerSpec,
    Endpoint,
    Limits,
    NetworkSpec,
    ObservedContainer,
    VolumeSpec,
)

type Labels = Sequence[tuple[str, str]]
type Exec = Callable[[ObservedContainer, Sequence[str], bytes], ExecResult]


class Call(Struct, frozen=True):
    """A writing call that was made, whether or not it succeeded."""

    method: str
    args: tuple[object, ...]


class FakeEngine(FakeReader):
    """``EngineWrite`` in memory; ``calls`` records every writing call since the last restart."""

    def __init__(self, world: World | None = None, faults: Faults | None = None) -> None:
        super().__init__(world, faults)
        self.calls: list[Call] = []

    def restart(self, faults: Faults | None = None) -> None:
        """A new process looks at the same world."""
        self.faults = faults or Faults()
        self.event_log.faults = self.faults
        self.calls = []
        self._past = []

    def create_network(self, spec: NetworkSpec, labels: Labels) -> str:
        with self._write("create_network", spec.name):
            if any(n.name == spec.name for n in self.world.networks.values()):
                raise Conflict(f"network with name {spec.name} already exists")
            if any(overlap(n.subnet, spec.subnet) for n in self.world.networks.values()):
                raise Conflict(f"network {spec.name} ({spec.subnet}): Pool overlaps")
            identity = self.world.new_id("network")
            self.world.networks[identity] = Network(
                identity, spec.name, dict(labels), spec.internal, spec.subnet, self.seals
            )
            self._tell("network", "create", identity, dict(labels))
        return identity

    def remove_network(self, ref: Ref) -> None:
        with self._write("remove_network", ref):
            try:
                network = self.world.network(ref)
            except NotFound:
                return
            if any(c.alive for c in self.world.attached(network.id)):
                raise Conflict(f"network {network.name} has active endpoints")
            del self.world.networks[network.id]
            self._tell("network", "destroy", network.id, network.labels)

    def create_volume(self, spec: VolumeSpec, labels: Labels) -> str:
        with self._write("create_volume", spec.name):
            marks = self.world.volumes.setdefault(spec.name, dict(labels))
            if marks.get(_HOME) != dict(labels).get(_HOME):
                raise Conflict(f"the volume name {spec.name} is taken by a volume that is not ours")
        return spec.name

    def remove_volume(self, name: str) -> None:
        with self._write("remove_volume", name):
            users = [
                c
                for c in self.world.containers.values()
                if any(m.kind == "volume" and m.source == name for m in c.spec.mounts)
            ]
            if users:
                raise Conflict(f"remove {name}: volume is in use")
            self.world.volumes.pop(name, None)
            self.world.kept.pop(name, None)

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
                _promise(container, attachment)
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

    def connect(self, ref: Ref, network: Ref, attachment: Attachment) -> None:
        with self._write("connect", ref, network):
            container, joined = self.world.container(ref), self.world.network(network)
            held = container.endpoints.get(joined.name)
            if held and held.network_id in ("", joined.id):
                return
            _promise(container, replace(attachment, network=joined.name))
            if container.alive:
                promised = container.endpoints[joined.name]
                container.endpoints[joined.name] = self._settled(container, promised, joined)
            self._tell("network", "connect", joined.id, joined.labels)

    def disconnect(self, ref: Ref, network: Ref) -> None:
        with self._write("disconnect", ref, network):
            try:
                container = self.world.container(ref)
            except NotFound:
                return
            left = self.network(network) or self.network(Ref(network.name))
            held = container.endpoints.get(left.name if left else network.name)
            if held is None or (left and held.network_id not in ("", left.id, network.id)):
                return
            del container.endpoints[held.network_name]
            if left:
                self._tell("network", "disconnect", left.id, dict(left.labels))

    def commit(self, ref: Ref, tag: str, labels: Labels) -> str:
        with self._write("commit", ref, tag):
            container = self.world.container(ref)
            identity = "sha256:" + self.world.new_id("image")
            marks = {**container.labels, **dict(labels)}
            return self.world.tag(identity, tag, marks.items(), 1)

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

    def build(
        self,
        context: bytes,
        *,
        tag: str,
        labels: Labels,
        buildargs: Labels = (),
        progress: Callable[[str], None] | None = None,
    ) -> str:
        with self._write("build", tag):
            if progress:
                progress("Step 1/1 : FROM scratch")
            return self._make_image(context, tag, labels)

    def import_tar(self, path: str, *, tag: str, labels: Labels) -> str:
        with self._write("import_tar", tag):
            return self._make_image(path.encode(), tag, labels)

    def import_stream(self, data: Iterable[bytes], *, tag: str, labels: Labels) -> str:
        with self._write("import_stream", tag):
            whole = b"".join(data)
            identity = self._make_image(whole, tag, labels)
            self.world.layers[identity] = {f"/{n}": f for n, f in read_tar(whole).items()}
            return identity

    def pull(self, reference: str) -> str:
        with self._write("pull", reference):
            return self._make_image(reference.encode(), reference, ())

    def remove_image(self, tag: str) -> None:
        with self._write("remove_image", tag):
            image = self.world.image(tag)
            if image is None:
                return
            used = any(c.image_id == image.id for c in self.world.containers.values())
            if used and len(image.tags) == 1:
                raise Conflict(f"conflict: unable to remove {tag}: container is using it")
            self.world.untag(tag)

    @contextmanager
    def _write(self, method: str, *args: object) -> Iterator[None]:
        """Count, record and disturb one writing call. A fault after the effect also hits calls
        that return early."""
        with self._lock:
            self._check()
            self.calls.append(Call(method, args))
            number = len(self.calls)
            self.faults.before(number, method, args)
            if self.faults.stale:
                self._past = [*self._past, self.world.fork()][-self.faults.stale :]
            yield
            self.faults.after(number)

    def _settled(self, container: Container, promised: Endpoint, network: Network) -> Endpoint:
        """The endpoint of a container that runs: at the address it asked for, else at a free
        one, which may be another at each start."""
        fixed = container.fixed.get(network.name, "")
        for other in self.world.attached(network.id):
            held = {e.address for e in other.endpoints.values() if e.network_id == network.id}
            if other is not container and other.alive and fixed in held - {""}:
                raise EngineError("Address already in use")
        address = fixed or self.world.free_address(network)
        return replace(promised, network_id=network.id, address=address)

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

    def _make_image(self, content: bytes, tag: str, labels: Labels) -> str:
        found = self.world.image(tag)
        identity = "sha256:" + canonical.digest([content.hex(), tag, list(labels)], 64)
        if found and found.id == identity:
            return identity
        return self.world.tag(identity, tag, labels, len(content))

    def _tell(self, kind: str, action: str, identity: str, marks: dict[str, str]) -> None:
        if _HOME in marks:
            self.event_log.add(
                Event(
                    kind,
                    action,
                    identity,
                    marks.get(labels.BOTTLE, "") if kind != "network" else "",
                    marks.get(labels.PROJECT, "") if kind != "network" else "",
                )
            )


_HOME = labels.HOME


def _promise(container: Container, attachment: Attachment) -> None:
    """An attachment before the start: the network by name only."""
    container.fixed[attachment.network] = attachment.address
    container.endpoints[attachment.network] = Endpoint(
        "", attachment.network, attachment.address, attachment.aliases
    )


def _below(path: str, root: str) -> bool:
    return posixpath.normpath(path) == root or path.startswith(root + "/")
