"""The state of an engine that exists only in memory.

Small on purpose: the states and rules that the contract tests (tests/engine/test_contract*.py)
hold against a real engine, and nothing that they do not.
"""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
from collections.abc import Iterable, Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from botbottle.engine.errors import NotFound
from botbottle.model.plan import Ref
from botbottle.model.resources import (
    ContainerSpec,
    Endpoint,
    Limits,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    State,
)

ALIVE: tuple[State, ...] = ("running", "paused", "restarting")

type Files = dict[str, bytes]  # absolute path (in a volume: relative to it) → content


class Container(Struct):
    """A container; ``spec`` is what it was created from."""

    id: str
    name: str
    spec: ContainerSpec
    image_id: str
    labels: dict[str, str]
    limits: Limits
    endpoints: dict[str, Endpoint] = field(default_factory=dict)  # by network name
    state: State = "created"
    exit_code: int | None = None
    started_at: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    fixed: dict[str, str] = field(default_factory=dict)  # network name → address asked for

    @property
    def alive(self) -> bool:
        return self.state in ALIVE

    def observed(self, *, full: bool) -> ObservedContainer:
        """As an engine shows it; like Docker's list, not ``full`` leaves out limits, exit state
        and aliases."""
        ends = sorted(self.endpoints.values(), key=lambda e: (e.network_name, e.network_id))
        shown = tuple(e if full else replace(e, aliases=()) for e in ends)
        return ObservedContainer(
            id=self.id,
            name=self.name,
            state=self.state,
            image_id=self.image_id,
            labels=dict(self.labels),
            endpoints=shown,
            limits=self.limits if full else None,
            exit_code=self.exit_code if full else None,
            started_at=self.started_at if full else "",
        )


class Network(Struct):
    id: str
    name: str
    labels: dict[str, str]
    internal: bool
    subnet: str
    sealed: bool


class World(Struct):
    """Everything there is. Ids are handed out in order, so runs repeat exactly."""

    containers: dict[str, Container] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    volumes: dict[str, dict[str, str]] = field(default_factory=dict)  # name → labels
    images: dict[str, ObservedImage] = field(default_factory=dict)  # by id
    counter: int = 0
    kept: dict[str, Files] = field(default_factory=dict)  # volume → its files
    layers: dict[str, Files] = field(default_factory=dict)  # image id → files of its own

    def fork(self) -> World:
        """An independent copy."""
        return World(
            {
                i: replace(
                    c,
                    labels=dict(c.labels),
                    endpoints=dict(c.endpoints),
                    files=dict(c.files),
                    fixed=dict(c.fixed),
                )
                for i, c in self.containers.items()
            },
            {i: replace(n, labels=dict(n.labels)) for i, n in self.networks.items()},
            {name: dict(marks) for name, marks in self.volumes.items()},
            dict(self.images),
            self.counter,
            {name: dict(files) for name, files in self.kept.items()},
            dict(self.layers),
        )

    def new_id(self, kind: str) -> str:
        """64 hex digits, like Docker's: already the first 12 tell any two apart."""
        self.counter += 1
        return hashlib.sha256(f"{kind} {self.counter}".encode()).hexdigest()

    def container(self, ref: Ref) -> Container:
        """By id, else by name. Raises NotFound."""
        if ref.id:
            found = self.containers.get(ref.id)
        else:
            found = next((c for c in self.containers.values() if c.name == ref.name), None)
        if found is None:
            raise NotFound(f"No such container: {ref.id or ref.name}")
        return found

    def network(self, ref: Ref) -> Network:
        """By id, else by name. Raises NotFound."""
        if ref.id:
            found = self.networks.get(ref.id)
        else:
            found = next((n for n in self.networks.values() if n.name == ref.name), None)
        if found is None:
            raise NotFound(f"network {ref.id or ref.name} not found")
        return found

    def image(self, tag: str) -> ObservedImage | None:
        return next((i for i in self.images.values() if tag in i.tags or tag == i.id), None)

    def tag(self, image_id: str, tag: str, labels: Iterable[tuple[str, str]], size: int) -> str:
        """Add an image; the tag moves to it."""
        self.untag(tag)
        self.images[image_id] = ObservedImage(image_id, (tag,), dict(labels), size)
        return image_id

    def untag(self, tag: str) -> None:
        """Take a tag away; the image stays while a container uses it."""
        for image in list(self.images.values()):
            if tag in image.tags:
                rest = tuple(t for t in image.tags if t != tag)
                self.images[image.id] = replace(image, tags=rest)
                if not rest and not any(c.image_id == image.id for c in self.containers.values()):
                    del self.images[image.id]

    def attached(self, network_id: str) -> Iterator[Container]:
        """Containers with an endpoint on a network, running or not."""
        for container in self.containers.values():
            if any(e.network_id == network_id for e in container.endpoints.values()):
                yield container

    def observed_network(self, network: Network) -> ObservedNetwork:
        return ObservedNetwork(
            id=network.id,
            name=network.name,
            labels=dict(network.labels),
            internal=network.internal,
            subnets=(network.subnet,) if network.subnet else (),
            endpoints=tuple(sorted(c.id for c in self.attached(network.id))),
        )

    def free_address(self, network: Network) -> str:
        """The first address of the subnet that nobody has (the first is the gateway's)."""
        taken = {
            e.address
            for c in self.containers.values()
            if c.alive
            for e in c.endpoints.values()
            if e.network_id == network.id
        }
        hosts = ipaddress.ip_network(network.subnet or "10.0.0.0/24").hosts()
        return next((str(h) for h in itertools.islice(hosts, 1, None) if str(h) not in taken), "")
