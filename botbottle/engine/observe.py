"""One snapshot of an engine: three lists and one inspection of each owned running container.

The container list is asked for unfiltered: one answer then holds our containers, strangers that
hold our names, and who is attached to which network (the network list leaves that out). It also
proves which image a tag stands for, as Docker shows a container's tag only while the tag still
points to the container's image; the image list is asked only for tags that it does not prove.
Engine facts (id, runtimes) are asked for once per connection.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from botbottle.engine import decode
from botbottle.engine.connection import Connection
from botbottle.engine.errors import NotFound
from botbottle.model import labels
from botbottle.model.looks import is_lookalike
from botbottle.model.resources import (
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
)

THREADS = 4
type Shown = Callable[[str, Mapping[str, str]], bool]  # by name and labels
_ALIVE = ("running", "paused", "restarting")


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change while an engine runs."""

    engine_id: str
    runtimes: tuple[str, ...]
    storage: str  # directory of the engine's data, on its own host


class Observer:
    """Takes snapshots; keeps nothing but the engine's facts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._facts: Facts | None = None

    def observe(
        self,
        home_id: str,
        *,
        tags: Sequence[str] = (),
        names: Sequence[str] = (),
        subnets: Sequence[str] = (),
        lookalikes: bool = False,
    ) -> Observed:
        """See ``EngineRead.observe``. Any failing call raises; after that the engine may be
        another one (restarted, upgraded), so its facts are asked for again."""
        try:
            return self._observe(home_id, tags, subnets, _shown(names, lookalikes))
        except BaseException:
            self._facts = None
            raise

    def _observe(
        self, home_id: str, tags: Sequence[str], subnets: Sequence[str], shown: Shown
    ) -> Observed:
        with ThreadPoolExecutor(THREADS, thread_name_prefix="bb-observe") as pool:
            listing = pool.submit(self._containers)
            networking = pool.submit(self._connection.get_json, "/networks")
            volumes = pool.submit(self._volumes, home_id, shown)
            facts = pool.submit(self._engine_facts)
            raw = listing.result()
            missing = sorted(set(tags) - set(_proven(raw)))
            imaging = pool.submit(self._images, missing)
            listed = [decode.listed_container(c) for c in raw]
            owned = [c for c in listed if c.labels.get(labels.HOME) == home_id]
            inspected = _present(pool.map(self._inspect, owned))
            networks = _networks(networking.result(), home_id, subnets, shown, listed)
            images = _images(raw, tags, imaging.result())
            known = facts.result()
        ours = {c.id for c in owned}
        strangers = [c for c in listed if c.id not in ours and shown(c.name, c.labels)]
        return Observed(
            engine_id=known.engine_id,
            engine_version=self._connection.server,
            api_version=self._connection.version,
            runtimes=known.runtimes,
            containers=tuple(sorted([*inspected, *strangers], key=lambda c: (c.name, c.id))),
            networks=networks,
            images=images,
            volumes=volumes.result(),
        )

    def storage(self) -> str:
        """Asked for together with the other facts, which a snapshot needs, too: it is slow."""
        return self._engine_facts().storage

    def _containers(self) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = self._connection.get_json("/containers/json", {"all": "1"})
        return data

    def _images(self, tags: Sequence[str]) -> list[ObservedImage]:
        if not tags:
            return []
        filters = {"reference": list(tags)}
        return [
            decode.image(i) for i in self._connection.get_json("/images/json", {"filters": filters})
        ]

    def _volumes(self, home_id: str, shown: Shown) -> tuple[ObservedVolume, ...]:
        found = [decode.volume(v) for v in self._connection.get_json("/volumes")["Volumes"] or ()]
        kept = (v for v in found if v.labels.get(labels.HOME) == home_id or shown(v.name, v.labels))
        return tuple(sorted(kept, key=lambda v: v.name))

    def _inspect(self, container: ObservedContainer) -> ObservedContainer | None:
        """A stopped container has nothing to inspect; one that is gone meanwhile is absent."""
        if container.state not in _ALIVE:
            return container
        try:
            return decode.inspected_container(
                self._connection.get_json(f"/containers/{container.id}/json")
            )
        except NotFound:
            return None

    def _engine_facts(self) -> Facts:
        if self._facts is None:
            info = self._connection.get_json("/info")
            self._facts = Facts(
                info.get("ID", ""),
                tuple(sorted(info.get("Runtimes") or ())),
                str(info.get("DockerRootDir") or ""),
            )
        return self._facts


def _shown(names: Sequence[str], lookalikes: bool) -> Shown:
    """Which strangers to show: those with one of ``names`` and, when asked for, look-alikes."""
    wanted = frozenset(names)
    return lambda name, marks: name in wanted or (lookalikes and is_lookalike(name, marks))


def _present(found: Iterable[ObservedContainer | None]) -> list[ObservedContainer]:
    return [c for c in found if c is not None]


def _proven(raw: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Tag → image id, as far as the container list tells."""
    return {c["Image"]: c["ImageID"] for c in raw if _is_tag(c.get("Image", ""), c["ImageID"])}


def _is_tag(name: str, image_id: str) -> bool:
    """Not an id in any of its forms, and not a name whose tag Docker left out."""
    bare = image_id.removeprefix("sha256:")
    return ":" in name and not name.startswith("sha256:") and not bare.startswith(name)


def _images(
    raw: Sequence[Mapping[str, Any]], tags: Sequence[str], listed: Iterable[ObservedImage]
) -> tuple[ObservedImage, ...]:
    """Images behind ``tags``. Those proved by the container list have neither labels nor size."""
    found = {i.id: i for i in listed}
    for tag, image_id in _proven(raw).items():
        if tag in tags:
            known = found.get(image_id, ObservedImage(image_id, ()))
            found[image_id] = replace(known, tags=tuple(sorted({*known.tags, tag})))
    return tuple(sorted(found.values(), key=lambda i: i.id))


def _networks(
    raw: Sequence[Mapping[str, Any]],
    home_id: str,
    subnets: Sequence[str],
    shown: Shown,
    containers: Iterable[ObservedContainer],
) -> tuple[ObservedNetwork, ...]:
    """Ours, and strangers that are asked for or overlap our (or wanted) subnets."""
    attached = _attached(containers)
    networks = [decode.network(n, attached) for n in raw]
    ours = [n for n in networks if n.labels.get(labels.HOME) == home_id]
    owned = {n.id for n in ours}
    taken = _overlap_test([*subnets, *(s for n in ours for s in n.subnets)])
    strangers = [
        n
        for n in networks
        if n.id not in owned and (shown(n.name, n.labels) or any(taken(s) for s in n.subnets))
    ]
    return tuple(sorted([*ours, *strangers], key=lambda n: (n.name, n.id)))


def _attached(containers: Iterable[ObservedContainer]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for container in containers:
        for endpoint in container.endpoints:
            ids = found.get(endpoint.network_id, ())
            found[endpoint.network_id] = (*ids, container.id)
    return found


def _overlap_test(subnets: Iterable[str]) -> Callable[[str], bool]:
    ours = [ipaddress.ip_network(s, strict=False) for s in subnets]

    def overlaps(subnet: str) -> bool:
        other = ipaddress.ip_network(subnet, strict=False)
        return any(o.version == other.version and o.overlaps(other) for o in ours)

    return overlaps
