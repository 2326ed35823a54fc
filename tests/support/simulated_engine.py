"""An engine in memory: what is observed of it, and what a single op makes of that."""

from __future__ import annotations

import itertools

from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.plan import CreateContainer, CreateNetwork, Ref, RemoveContainer
from botbottle.model.resources import (
    Endpoint,
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    SidecarStatus,
)


class SimulatedEngine:
    """Refuses with an AssertionError what a real engine refuses, and what no plan may do."""

    def __init__(self) -> None:
        super().__init__()
        self.observed = Observed()
        self._ids = itertools.count(1)
        self._made: dict[str, str] = {}  # containers by the name that a plan gave them, as ids

    def container(self, ref: Ref) -> ObservedContainer:
        """As the executor finds it: what a plan has made keeps its id under a new name."""
        identity = ref.id or self._made.get(ref.name, "")
        for c in self.observed.containers:
            if c.id == identity or (not identity and c.name == ref.name):
                return c
        raise LookupError(ref)

    def network(self, ref: Ref) -> ObservedNetwork:
        for n in self.observed.networks:
            if (ref.id and n.id == ref.id) or (not ref.id and n.name == ref.name):
                return n
        raise LookupError(ref)

    def by_kind(self, kind: str) -> list[ObservedContainer]:
        return [c for c in self.observed.containers if c.labels.get(labels.KIND) == kind]

    def set(self, old: ObservedContainer, **changes: object) -> ObservedContainer:
        new = replace(old, **changes)  # type: ignore[arg-type]
        rest = tuple(c for c in self.observed.containers if c.id != old.id)
        self.observed = replace(self.observed, containers=(*rest, new))
        return new

    def endpoint(self, network: ObservedNetwork, container_id: str, present: bool) -> None:
        ends = tuple(e for e in network.endpoints if e != container_id)
        new = replace(network, endpoints=(*ends, container_id) if present else ends)
        rest = tuple(n for n in self.observed.networks if n.id != network.id)
        self.observed = replace(self.observed, networks=(*rest, new))

    def status(self, container_id: str, status: SidecarStatus | None) -> None:
        self.observed = replace(
            self.observed, sidecars={**self.observed.sidecars, container_id: status}
        )

    def make_image(self, tag: str) -> None:
        image = ObservedImage(f"img{next(self._ids)}", (tag,))
        self.observed = replace(self.observed, images=(*self.observed.images, image))

    def make_network(self, op: CreateNetwork) -> None:
        made = ObservedNetwork(
            f"n{next(self._ids)}",
            op.spec.name,
            dict(op.labels),
            op.spec.internal,
            (op.spec.subnet,),
        )
        self.observed = replace(self.observed, networks=(*self.observed.networks, made))

    def drop_network(self, ref: Ref) -> None:
        target = self.network(ref)
        assert not target.endpoints, "removing a network that is in use"
        rest = tuple(n for n in self.observed.networks if n is not target)
        self.observed = replace(self.observed, networks=rest)

    def create(self, op: CreateContainer) -> None:
        assert all(c.name != op.name for c in self.observed.containers), f"name {op.name} taken"
        ends = []
        for attachment in op.spec.networks[:1]:
            n = self.network(Ref(attachment.network))
            ends.append(Endpoint(n.id, n.name, attachment.address))
        made = ObservedContainer(
            f"c{next(self._ids)}",
            op.name,
            "created",
            "img",
            dict(op.labels),
            tuple(ends),
            op.spec.limits,
        )
        self._made[op.name] = made.id
        self.observed = replace(self.observed, containers=(*self.observed.containers, made))

    def start(self, c: ObservedContainer) -> None:
        assert c.state != "paused", "the engine refuses to start a paused container"
        for end in c.endpoints:
            for other in self.observed.containers:
                clash = (
                    other.id != c.id
                    and other.state == "running"
                    and any(
                        e.network_id == end.network_id and e.address and e.address == end.address
                        for e in other.endpoints
                    )
                )
                assert not clash, "two live copies want one address"
            self.endpoint(self.network(Ref("", end.network_id)), c.id, True)
        self.set(self.container(Ref("", c.id)), state="running")

    def stop(self, c: ObservedContainer) -> None:
        for n in self.observed.networks:
            if c.id in n.endpoints:
                self.endpoint(n, c.id, False)
        if c.state in ("running", "paused", "restarting"):
            self.set(self.container(Ref("", c.id)), state="exited")
        self.status(c.id, None)

    def remove(self, op: RemoveContainer) -> None:
        target = self.container(op.ref)
        assert op.kill or target.state not in ("running", "paused"), "removing a live container"
        self.stop(target)
        rest = tuple(c for c in self.observed.containers if c.id != target.id)
        self.observed = replace(self.observed, containers=rest)

    def rename(self, ref: Ref, name: str) -> None:
        assert all(c.name != name for c in self.observed.containers), "name taken"
        self.set(self.container(ref), name=name)

    def connect(self, c: ObservedContainer, n: ObservedNetwork, address: str) -> None:
        self.set(c, endpoints=(*c.endpoints, Endpoint(n.id, n.name, address)))
        if c.state == "running":
            self.endpoint(n, c.id, True)

    def disconnect(self, c: ObservedContainer, n: ObservedNetwork) -> None:
        self.set(c, endpoints=tuple(e for e in c.endpoints if e.network_id != n.id))
        self.endpoint(n, c.id, False)
