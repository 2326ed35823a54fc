"""What the rest of bb may ask of a container engine: a reading and a writing protocol.

``plan`` and everything else that must not write is handed an ``EngineRead`` only, so a writing
call on the planning path is a type error. Implementations: ``docker.DockerEngine`` (the only
docker import), ``fake.FakeEngine`` (in memory, with fault injection); one contract test suite
exercises both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from botbottle.model.plan import Ref
from botbottle.model.resources import (
    Attachment,
    ContainerSpec,
    Limits,
    NetworkSpec,
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
    VolumeSpec,
)


class Event(Struct, frozen=True):
    """A hint that something about a resource changed; carries keys only, never state."""

    kind: str  # container | network | image
    action: str
    id: str
    bottle: str
    project: str
    home: str = ""  # the bb home it belongs to; networks do not say


class ExecResult(Struct, frozen=True):
    """Result of a program run inside a container."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class EngineRead(Protocol):
    """Reading calls: HTTP GET and HEAD only."""

    def ping(self) -> str:
        """API version. Raises EngineUnreachable."""

    def begin(self) -> None:
        """An ``observe`` follows at once: an engine may be asked already. Never raises."""

    def observe(
        self,
        home_id: str,
        *,
        tags: Sequence[str] = (),
        names: Sequence[str] = (),
        subnets: Sequence[str] = (),
        lookalikes: bool = False,
    ) -> Observed:
        """One snapshot: our containers, networks and volumes (label HOME = home_id, all
        projects), any stranger that holds one of ``names`` or overlaps a subnet of ours or one
        of ``subnets``, with ``lookalikes`` also those of ``model.looks.is_lookalike`` and whoever
        is on a sealed network of ours, and the images behind ``tags`` (labels and size may be
        missing). At most 3 + (owned running) GETs, one more when ``tags`` names an image that no
        container uses. ``sidecars`` is left empty. A failing call raises: never a snapshot with
        holes."""

    def events(self) -> Iterator[Event | None]:
        """Blocking stream of events of our resources; ``None`` at least once a second as a
        sign of life. Ends by raising EngineUnreachable, never silently."""

    def logs(self, ref: Ref, *, tail: int = 200, follow: bool = False) -> Iterator[bytes]:
        """Combined output of a container in chunks."""

    def container(self, ref: Ref) -> ObservedContainer | None:
        """One container, with limits and exit state; None when there is none. One GET."""

    def network(self, ref: Ref) -> ObservedNetwork | None:
        """One network; None when there is none. One GET. A name that several networks hold
        raises."""

    def volume(self, name: str) -> ObservedVolume | None:
        """One volume, whoever owns it; None when there is none. One GET."""

    def image_id(self, tag: str) -> str | None:
        """Id of a local image, or None."""

    def images(self, label: str) -> tuple[ObservedImage, ...]:
        """Local images that carry ``label`` (``key`` or ``key=value``)."""

    def storage(self) -> str:
        """Directory that a local engine keeps its data in; empty when it does not say or is on
        another machine. One GET at most."""

    def archive(self, ref: Ref, path: str) -> Iterator[bytes]:
        """A tar of a container's directory, volumes included, in pieces as they come. Names begin
        with the last component of ``path``. A stopped container has its volumes too."""

    def save(self, tag: str) -> Iterator[bytes]:
        """An image in pieces, as ``docker save`` writes it: a tar of layer tars."""

    def network_is_sealed(self, network: str) -> bool:
        """Whether an internal network really has no host address and no gateway (an engine may
        accept an option and ignore it)."""


class EngineWrite(EngineRead, Protocol):
    """Writing calls, each one engine request. All are idempotent where Docker lets them be:
    304 on start/stop and 404 on remove are success; a name that is taken raises Conflict."""

    def create_network(self, spec: NetworkSpec, labels: Sequence[tuple[str, str]]) -> str: ...
    def remove_network(self, ref: Ref) -> None: ...
    def create_volume(self, spec: VolumeSpec, labels: Sequence[tuple[str, str]]) -> str: ...
    def remove_volume(self, name: str) -> None: ...
    def create_container(
        self, spec: ContainerSpec, name: str, labels: Sequence[tuple[str, str]]
    ) -> str: ...
    def start(self, ref: Ref) -> None: ...
    def stop(self, ref: Ref, timeout: int) -> None:
        """TERM, then KILL after ``timeout`` seconds. At the end no process of it is left. It may
        hold its address for another moment; what needs that (another start, the removal of its
        network) waits for it by itself."""

    def kill(self, ref: Ref, signal: str = "SIGKILL") -> None: ...
    def pause(self, ref: Ref) -> None: ...
    def unpause(self, ref: Ref) -> None: ...
    def remove_container(self, ref: Ref, *, kill: bool = False) -> None: ...
    def rename(self, ref: Ref, name: str) -> None: ...
    def update(self, ref: Ref, limits: Limits) -> None: ...
    def connect(self, ref: Ref, network: Ref, attachment: Attachment) -> None: ...
    def disconnect(self, ref: Ref, network: Ref) -> None: ...
    def commit(self, ref: Ref, tag: str, labels: Sequence[tuple[str, str]]) -> str: ...
    def put_archive(self, ref: Ref, path: str, tar: bytes) -> None: ...

    def exec(
        self, ref: Ref, argv: Sequence[str], *, stdin: bytes = b"", user: str = "", timeout: float
    ) -> ExecResult:
        """Run a program; ``stdin`` leaves no trace in inspect, argv or on disk."""

    def build(
        self,
        context: bytes,
        *,
        tag: str,
        labels: Sequence[tuple[str, str]],
        buildargs: Sequence[tuple[str, str]] = (),
        progress: Callable[[str], None] | None = None,
    ) -> str:
        """Build from a tar context with a Dockerfile. Raises ImageBuildFailed."""

    def import_tar(self, path: str, *, tag: str, labels: Sequence[tuple[str, str]]) -> str: ...

    def import_stream(
        self, data: Iterable[bytes], *, tag: str, labels: Sequence[tuple[str, str]]
    ) -> str:
        """Like ``import_tar`` from pieces of a tar. What reading ``data`` raises ends the call,
        and then there is no image ``tag``."""

    def pull(self, reference: str) -> str: ...
    def remove_image(self, tag: str) -> None: ...
