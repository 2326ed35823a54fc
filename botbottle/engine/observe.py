"""One snapshot of an engine: three lists and one inspection of each owned running container.

The container list is asked for unfiltered: one answer then holds our containers, strangers that
hold our names, and who is attached to which network (the network list leaves that out). It also
proves which image a tag stands for, as Docker shows a container's tag only while the tag still
points to the container's image; the image list is asked only for tags that it does not prove.
Nothing here waits in a thread of its own: a few requests are in flight and answers are read in
the order of asking.
"""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from botbottle.engine import decode
from botbottle.engine.connection import Connection
from botbottle.engine.errors import NotFound
from botbottle.errors import BBError
from botbottle.model import labels
from botbottle.model.looks import intruded, is_lookalike
from botbottle.model.resources import (
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
)

LANES = 4  # requests in flight
FRESH = 1.0  # seconds that lists which were asked for ahead stay good
type Shown = Callable[[str, Mapping[str, str]], bool]  # by name and labels
type Later = Callable[[], Any]  # waits for an answer
_ALIVE = ("running", "paused", "restarting")


class _Lists(Struct, frozen=True):
    """The three lists, asked for at ``since`` (monotonic seconds)."""

    since: float
    containers: Later
    networks: Later
    volumes: Later


class Observer:
    """Takes snapshots. Keeps nothing but the engine's data directory and what was asked ahead."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._storage: str | None = None
        self._asked: _Lists | None = None

    def begin(self) -> None:
        """Ask for the lists now; an ``observe`` that follows at once reads the answers. An engine
        that cannot be asked is that call's to report. One that is not on a unix socket is not
        asked: its threads could outlast a mistake in the manifests by a whole time-out."""
        if not self._connection.endpoint.socket:
            return
        with contextlib.suppress(BBError):
            self._asked = self._ask()

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
        shown = _shown(names, lookalikes)
        try:
            raw, lists = self._containers()
            listed = [decode.listed_container(c) for c in raw]
            owned = [c for c in listed if c.labels.get(labels.HOME) == home_id]
            inspected = self._inspected(owned)
            networks = _networks(lists.networks(), home_id, subnets, shown, listed)
            volumes = _volumes(lists.volumes(), home_id, shown)
            images = _images(raw, tags, self._images(sorted(set(tags) - set(_proven(raw)))))
        except BaseException:
            self._storage = None
            raise
        ours, inside = {c.id for c in owned}, intruded(networks, home_id) if lookalikes else set()
        strangers = [
            c for c in listed if c.id not in ours and (c.id in inside or shown(c.name, c.labels))
        ]
        return Observed(
            engine_version=self._connection.server,
            api_version=self._connection.version,
            containers=tuple(sorted([*inspected, *strangers], key=lambda c: (c.name, c.id))),
            networks=networks,
            images=images,
            volumes=volumes,
        )

    def storage(self) -> str:
        """Directory of the engine's data, on its own host. Asked for once."""
        if self._storage is None:
            info = self._connection.get_json("/info")
            self._storage = str(info.get("DockerRootDir") or "")
        return self._storage

    def _ask(self) -> _Lists:
        ask = self._connection.ask_json
        return _Lists(
            time.monotonic(),
            ask("/containers/json", {"all": "1"}),
            ask("/networks"),
            ask("/volumes"),
        )

    def _containers(self) -> tuple[list[dict[str, Any]], _Lists]:
        """The list of containers, and the other lists under way."""
        asked, self._asked = self._asked, None
        if asked is None or time.monotonic() - asked.since > FRESH:
            asked = self._ask()
        return asked.containers(), asked

    def _images(self, tags: Sequence[str]) -> list[ObservedImage]:
        if not tags:
            return []
        filters = {"reference": list(tags)}
        return [
            decode.image(i) for i in self._connection.get_json("/images/json", {"filters": filters})
        ]

    def _inspected(self, owned: Iterable[ObservedContainer]) -> list[ObservedContainer]:
        """A stopped container has nothing to inspect; one that is gone meanwhile is absent."""
        found = [c for c in owned if c.state not in _ALIVE]
        waiting: deque[Later] = deque()
        for container in owned:
            if container.state in _ALIVE:
                if len(waiting) == LANES:
                    found += _present(waiting.popleft())
                waiting.append(self._connection.ask_json(f"/containers/{container.id}/json"))
        for answer in waiting:
            found += _present(answer)
        return found


def _shown(names: Sequence[str], lookalikes: bool) -> Shown:
    """Which strangers to show: those with one of ``names`` and, when asked for, look-alikes."""
    wanted = frozenset(names)
    return lambda name, marks: name in wanted or (lookalikes and is_lookalike(name, marks))


def _present(answer: Later) -> list[ObservedContainer]:
    try:
        return [decode.inspected_container(answer())]
    except NotFound:
        return []


def _volumes(raw: Mapping[str, Any], home_id: str, shown: Shown) -> tuple[ObservedVolume, ...]:
    found = [decode.volume(v) for v in raw["Volumes"] or ()]
    kept = (v for v in found if v.labels.get(labels.HOME) == home_id or shown(v.name, v.labels))
    return tuple(sorted(kept, key=lambda v: v.name))


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
