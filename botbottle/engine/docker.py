"""The whole Docker Engine, reading and writing."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from botbottle.engine import containers, endpoint, execution, images, networks, volumes
from botbottle.engine.api import ExecResult
from botbottle.engine.connection import Connection
from botbottle.engine.reader import DockerReader
from botbottle.engine.stopping import Stops
from botbottle.model.plan import Ref
from botbottle.model.resources import Attachment, ContainerSpec, Limits, NetworkSpec, VolumeSpec

type Labels = Sequence[tuple[str, str]]


class DockerEngine(DockerReader):
    """``EngineWrite`` over one connection. Safe for use from several threads.

    What takes or frees addresses waits for all stops to be answered: until then a container
    without a process may hold its own."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._stops = Stops()

    def create_network(self, spec: NetworkSpec, labels: Labels) -> str:
        return networks.create(self.connection, spec, labels)

    def remove_network(self, ref: Ref) -> None:
        self._stops.answered()
        networks.remove(self.connection, ref)

    def create_volume(self, spec: VolumeSpec, labels: Labels) -> str:
        return volumes.create(self.connection, spec, labels)

    def remove_volume(self, name: str) -> None:
        volumes.remove(self.connection, name)

    def create_container(self, spec: ContainerSpec, name: str, labels: Labels) -> str:
        return containers.create(self.connection, spec, name, labels)

    def start(self, ref: Ref) -> None:
        self._stops.answered()
        containers.start(self.connection, ref)

    def stop(self, ref: Ref, timeout: int) -> None:
        ask = functools.partial(containers.stop, self.connection, ref, timeout)
        self._stops.stop(self.connection, ref.id, ask)

    def kill(self, ref: Ref, signal: str = "SIGKILL") -> None:
        containers.kill(self.connection, ref, signal)

    def pause(self, ref: Ref) -> None:
        containers.pause(self.connection, ref)

    def unpause(self, ref: Ref) -> None:
        containers.unpause(self.connection, ref)

    def remove_container(self, ref: Ref, *, kill: bool = False) -> None:
        containers.remove(self.connection, ref, kill=kill)

    def rename(self, ref: Ref, name: str) -> None:
        containers.rename(self.connection, ref, name)

    def update(self, ref: Ref, limits: Limits) -> None:
        containers.update(self.connection, ref, limits)

    def connect(self, ref: Ref, network: Ref, attachment: Attachment) -> None:
        self._stops.answered()
        networks.connect(self.connection, ref, network, attachment)

    def disconnect(self, ref: Ref, network: Ref) -> None:
        self._stops.answered()
        networks.disconnect(self.connection, ref, network)

    def commit(self, ref: Ref, tag: str, labels: Labels) -> str:
        return images.commit(self.connection, ref, tag, labels)

    def put_archive(self, ref: Ref, path: str, tar: bytes) -> None:
        containers.put_archive(self.connection, ref, path, tar)

    def exec(
        self, ref: Ref, argv: Sequence[str], *, stdin: bytes = b"", user: str = "", timeout: float
    ) -> ExecResult:
        return execution.run(self.connection, ref, argv, stdin=stdin, user=user, timeout=timeout)

    def build(
        self,
        context: bytes,
        *,
        tag: str,
        labels: Labels,
        buildargs: Labels = (),
        progress: Callable[[str], None] | None = None,
    ) -> str:
        return images.build(
            self.connection, context, tag=tag, labels=labels, buildargs=buildargs, progress=progress
        )

    def import_tar(self, path: str, *, tag: str, labels: Labels) -> str:
        return images.import_tar(self.connection, path, tag=tag, labels=labels)

    def import_stream(self, data: Iterable[bytes], *, tag: str, labels: Labels) -> str:
        return images.import_stream(self.connection, data, tag=tag, labels=labels)

    def pull(self, reference: str) -> str:
        return images.pull(self.connection, reference)

    def remove_image(self, tag: str) -> None:
        images.remove(self.connection, tag)


def connect(env: Mapping[str, str] | None = None, timeout: float = 120.0) -> DockerEngine:
    """Like ``reader.connect``, for writing; ``timeout`` in seconds bounds each read."""
    where = endpoint.resolve(os.environ if env is None else env, Path.home())
    return DockerEngine(Connection(where, timeout))


def writable(reader: DockerReader) -> DockerEngine:
    """The same engine and connections, for writing."""
    return DockerEngine(reader.connection)
