"""The reading half of the fake engine, and the switches that tests turn."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

from botbottle.engine.api import Event, ExecResult
from botbottle.engine.errors import NotFound
from botbottle.engine.fake.contents import files_below, make_tar
from botbottle.engine.fake.faults import Crash, Faults
from botbottle.engine.fake.stream import EventLog
from botbottle.engine.fake.world import World
from botbottle.errors import EngineUnreachable
from botbottle.model import labels
from botbottle.model.looks import intruded, is_lookalike
from botbottle.model.plan import Ref
from botbottle.model.resources import (
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
)

type Shown = Callable[[str, Mapping[str, str]], bool]  # by name and labels
type Exec = Callable[[ObservedContainer, Sequence[str], bytes], ExecResult]


class FakeReader:
    """``EngineRead`` in memory. ``world`` may be changed by a test behind the caller's back;
    ``exits`` maps a command's first word to the exit code it ends with at once; ``on_exec``
    answers exec calls."""

    def __init__(self, world: World | None = None, faults: Faults | None = None) -> None:
        self.world = world or World()
        self.faults = faults or Faults()
        self.exits: dict[str, int] = {}
        self.seals = True
        self.up = True
        self.data_dir = ""
        self.on_exec: Exec = lambda _container, _argv, _stdin: ExecResult(0, b"", b"")
        self.event_log = EventLog(self.faults)
        self._past: list[World] = []
        self._lock = threading.RLock()

    def ping(self) -> str:
        self._check()
        return "1.41"

    def begin(self) -> None:
        """Nothing takes time here."""

    def observe(
        self,
        home_id: str,
        *,
        tags: Sequence[str] = (),
        names: Sequence[str] = (),
        subnets: Sequence[str] = (),
        lookalikes: bool = False,
    ) -> Observed:
        def shown_as(name: str, marks: Mapping[str, str]) -> bool:
            return name in names or (lookalikes and is_lookalike(name, marks))

        with self._lock:
            self._check()
            world = self._seen()
            ours = {i for i, c in world.containers.items() if c.labels.get(labels.HOME) == home_id}
            networks = _visible_networks(world, home_id, subnets, shown_as)
            inside = intruded(networks, home_id) if lookalikes else set()
            shown = [
                c
                for i, c in world.containers.items()
                if i in ours or i in inside or shown_as(c.name, c.labels)
            ]
            images = {i.id: i for t in tags if (i := world.image(t))}
            return Observed(
                engine_version="20.10.24",
                api_version="1.41",
                containers=tuple(
                    sorted(
                        (c.observed(full=c.alive and c.id in ours) for c in shown),
                        key=lambda c: (c.name, c.id),
                    )
                ),
                networks=networks,
                images=tuple(images[i] for i in sorted(images)),
                volumes=_visible_volumes(world, home_id, shown_as),
            )

    def events(self) -> Iterator[Event | None]:
        self._check()
        return self.event_log.follow()

    def logs(self, ref: Ref, *, tail: int = 200, follow: bool = False) -> Iterator[bytes]:
        with self._lock:
            self._check()
            self.world.container(ref)
        return iter(())

    def container(self, ref: Ref) -> ObservedContainer | None:
        with self._lock:
            self._check()
            try:
                return self.world.container(ref).observed(full=True)
            except NotFound:
                return None

    def network(self, ref: Ref) -> ObservedNetwork | None:
        with self._lock:
            self._check()
            try:
                return self.world.observed_network(self.world.network(ref))
            except NotFound:
                return None

    def volume(self, name: str) -> ObservedVolume | None:
        with self._lock:
            self._check()
            marks = self.world.volumes.get(name)
            return None if marks is None else ObservedVolume(name, dict(marks))

    def image_id(self, tag: str) -> str | None:
        self._check()
        found = self.world.image(tag)
        return found.id if found else None

    def images(self, label: str) -> tuple[ObservedImage, ...]:
        self._check()
        key, _, value = label.partition("=")
        found = (i for i in self.world.images.values() if _marked(i, key, value))
        return tuple(sorted(found, key=lambda i: i.id))

    def storage(self) -> str:
        self._check()
        return self.data_dir

    def archive(self, ref: Ref, path: str) -> Iterator[bytes]:
        with self._lock:
            self._check()
            found = files_below(self.world, self.world.container(ref), path)
        return iter((make_tar(found),))

    def save(self, tag: str) -> Iterator[bytes]:
        with self._lock:
            self._check()
            image = self.world.image(tag)
            if image is None:
                raise NotFound(f"No such image: {tag}")
            files = self.world.layers.get(image.id, {})
        layer = make_tar((path.lstrip("/"), content) for path, content in files.items())
        return iter((make_tar([("0/layer.tar", layer)]),))

    def network_is_sealed(self, network: str) -> bool:
        with self._lock:
            self._check()
            found = self.world.networks.get(network) or self.world.network(Ref(network))
            return found.sealed and found.internal

    def _check(self) -> None:
        if self.faults.crashed:
            raise Crash
        if not self.up:
            raise EngineUnreachable("no Docker Engine answers", hint="start Docker")

    def _seen(self) -> World:
        return self._past[0] if self.faults.stale and self._past else self.world


def _marked(image: ObservedImage, key: str, value: str) -> bool:
    return key in image.labels and value in ("", image.labels[key])


def overlap(one: str, other: str) -> bool:
    if not one or not other:
        return False
    return ipaddress.ip_network(one).overlaps(ipaddress.ip_network(other))


def _visible_volumes(world: World, home_id: str, shown: Shown) -> tuple[ObservedVolume, ...]:
    found = (ObservedVolume(name, dict(marks)) for name, marks in sorted(world.volumes.items()))
    return tuple(
        v for v in found if v.labels.get(labels.HOME) == home_id or shown(v.name, v.labels)
    )


def _visible_networks(
    world: World, home_id: str, subnets: Sequence[str], shows: Shown
) -> tuple[ObservedNetwork, ...]:
    ours = [n for n in world.networks.values() if n.labels.get(labels.HOME) == home_id]
    wanted = [*subnets, *(n.subnet for n in ours)]
    shown = [
        n
        for n in world.networks.values()
        if n in ours or shows(n.name, n.labels) or any(overlap(n.subnet, s) for s in wanted)
    ]
    found = (world.observed_network(n) for n in shown)
    return tuple(sorted(found, key=lambda n: (n.name, n.id)))
