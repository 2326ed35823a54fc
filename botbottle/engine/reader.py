"""The reading half of the Docker Engine: an object without any writing method.

``plan``, ``status`` and the watch loop's observation hold this one; it never imports the SDK on a
unix socket, and its transport can only send GET.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from botbottle.engine import endpoint, lookup
from botbottle.engine.api import Event
from botbottle.engine.connection import Connection
from botbottle.engine.observe import Observer
from botbottle.model import labels
from botbottle.model.plan import Ref
from botbottle.model.resources import (
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
)


class DockerReader:
    """``EngineRead`` over one connection. Safe for use from several threads."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._observer = Observer(connection)
        self._networks: frozenset[str] = frozenset()

    def ping(self) -> str:
        return self.connection.ping()

    def begin(self) -> None:
        self._observer.begin()

    def observe(
        self,
        home_id: str,
        *,
        tags: Sequence[str] = (),
        names: Sequence[str] = (),
        subnets: Sequence[str] = (),
        lookalikes: bool = False,
    ) -> Observed:
        found = self._observer.observe(
            home_id, tags=tags, names=names, subnets=subnets, lookalikes=lookalikes
        )
        ours = [n for n in found.networks if n.labels.get(labels.HOME) == home_id]
        self._networks = frozenset([*(n.id for n in ours), *names])
        return found

    def events(self) -> Iterator[Event | None]:
        """Network events are told apart by what the last ``observe`` saw or was asked for."""
        from botbottle.engine import events  # this and what follows it: not for a plan

        stream = self.connection.stream("/events", {"filters": events.FILTERS})
        return events.read(stream, self.connection.address, self._is_ours)

    def logs(self, ref: Ref, *, tail: int = 200, follow: bool = False) -> Iterator[bytes]:
        from botbottle.engine import logs

        return logs.read(self.connection, ref, tail=tail, follow=follow)

    def container(self, ref: Ref) -> ObservedContainer | None:
        return lookup.container(self.connection, ref)

    def network(self, ref: Ref) -> ObservedNetwork | None:
        return lookup.network(self.connection, ref)

    def volume(self, name: str) -> ObservedVolume | None:
        return lookup.volume(self.connection, name)

    def image_id(self, tag: str) -> str | None:
        return lookup.image_id(self.connection, tag)

    def images(self, label: str) -> tuple[ObservedImage, ...]:
        return lookup.labelled(self.connection, label)

    def storage(self) -> str:
        if not self.connection.endpoint.socket:
            return ""  # the same path here would be another disk
        return self._observer.storage()

    def archive(self, ref: Ref, path: str) -> Iterator[bytes]:
        from botbottle.engine import archives

        return archives.directory(self.connection, ref, path)

    def save(self, tag: str) -> Iterator[bytes]:
        from botbottle.engine import archives

        return archives.image(self.connection, tag)

    def network_is_sealed(self, network: str) -> bool:
        return lookup.is_sealed(self.connection, network)

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        self.connection.close()

    def _is_ours(self, identity: str, name: str) -> bool:
        return identity in self._networks or name in self._networks


def connect(env: Mapping[str, str] | None = None, timeout: float = 30.0) -> DockerReader:
    """The engine the environment names (DOCKER_HOST, Docker context, usual socket). Sends
    nothing yet. Raises EngineUnreachable on an unreadable context. ``timeout`` in seconds."""
    where = endpoint.resolve(os.environ if env is None else env, Path.home())
    return DockerReader(Connection(where, timeout))
