"""The smallest planner that makes sense: one network, one volume and two containers a bottle.

The rules are the three of the crash-safe replace: keep the container whose hash matches, stop and
remove the others, rename and start the kept one. Executor tests use it so that they do not depend
on what the real planner wants.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from botbottle.model import labels as lb
from botbottle.model import plan as p
from botbottle.model.plan import Op, Ref
from botbottle.model.resources import (
    Attachment,
    ContainerSpec,
    NetworkSpec,
    Observed,
    ObservedContainer,
    VolumeSpec,
)

HOME, PROJECT = "tiny", "test"
ROLES = ("egress", "agent")


@dataclass(frozen=True, slots=True)
class Bottle:
    name: str
    block: str  # first three octets of its subnet
    image: str
    version: str = "1"
    home: str = HOME

    def network(self) -> NetworkSpec:
        subnet = f"{self.block}.0/28"
        return NetworkSpec(f"bbt-{self.name}-net", "internal", self.name, True, subnet)

    def volume(self) -> VolumeSpec:
        return VolumeSpec(f"bbt-{self.name}-home", self.name)

    def container(self, role: str) -> ContainerSpec:
        return ContainerSpec(
            name=f"bbt-{self.name}-{role}",
            kind="agent" if role == "agent" else "egress",
            bottle=self.name,
            image=self.image,
            command=("/bin/sleep", "600"),
            env=(("VERSION", self.version),),
            networks=(Attachment(self.network().name),),
        )

    def labels(self, kind: str, spec_hash: str = "") -> tuple[tuple[str, str], ...]:
        made = {lb.HOME: self.home, lb.PROJECT: PROJECT, lb.BOTTLE: self.name, lb.KIND: kind}
        return tuple(sorted({**made, lb.SPEC_HASH: spec_hash}.items()))


def plan(bottles: list[Bottle], seen: Observed) -> list[Op]:
    """Ops that make ``bottles`` (and nothing else of ours) exist and run. At least one bottle."""
    ops: list[Op] = []
    wanted = {b.name for b in bottles}
    home = bottles[0].home
    mine = [c for c in seen.containers if c.labels.get(lb.HOME) == home]
    for bottle in bottles:
        ops += _bottle(bottle, seen, [c for c in mine if c.labels.get(lb.BOTTLE) == bottle.name])
    for old in [c for c in mine if c.labels.get(lb.BOTTLE) not in wanted]:
        ops.append(_op(p.RemoveContainer, f"remove:{old.id}", old.name, ref=_ref(old), kill=True))
    removed = tuple(o.id for o in ops if isinstance(o, p.RemoveContainer))
    for network in seen.networks:
        if network.labels.get(lb.HOME) == home and network.labels.get(lb.BOTTLE) not in wanted:
            ref = Ref(network.name, network.id)
            ops.append(_op(p.RemoveNetwork, f"remove:{network.id}", network.name, removed, ref=ref))
    for volume in seen.volumes:
        if volume.labels.get(lb.BOTTLE) not in wanted:
            name = volume.name
            ops.append(_op(p.RemoveVolume, f"remove:{name}", name, removed, name=name))
    known = {o.id for o in ops}
    return [replace(o, after=tuple(a for a in o.after if a in known)) for o in ops]


def _bottle(bottle: Bottle, seen: Observed, mine: list[ObservedContainer]) -> Iterator[Op]:
    network, volume, name = bottle.network(), bottle.volume(), bottle.name
    base = (f"net:{name}", f"vol:{name}")
    if not any(n.name == network.name for n in seen.networks):
        marks = bottle.labels("internal", network.spec_hash)
        yield _op(p.CreateNetwork, base[0], name, spec=network, labels=marks)
    if not any(v.name == volume.name for v in seen.volumes):
        yield _op(p.CreateVolume, base[1], name, spec=volume, labels=bottle.labels("volume"))
    previous: tuple[str, ...] = base
    for role in ROLES:
        found = [c for c in mine if c.labels.get(lb.KIND) == bottle.container(role).kind]
        yield from _container(bottle, role, found, previous)
        previous = (f"start:{name}:{role}",)


def _container(
    bottle: Bottle, role: str, found: list[ObservedContainer], after: tuple[str, ...]
) -> Iterator[Op]:
    spec, key = bottle.container(role), f"{bottle.name}:{role}"
    same = [c for c in found if c.spec_hash == spec.spec_hash]
    same.sort(key=lambda c: (c.state != "running", c.name != spec.name, c.id))
    keep = same[0] if same else None
    others = [c for c in found if c is not keep]
    name = keep.name if keep else spec.name
    if keep is None:
        if any(c.name == spec.name for c in others):
            name = f"{spec.name}-{spec.spec_hash[:6]}"
        marks = bottle.labels(spec.kind, spec.spec_hash)
        yield _op(
            p.CreateContainer, f"create:{key}", key, after, spec=spec, name=name, labels=marks
        )
    ready: tuple[str, ...] = (f"create:{key}", *after)
    for old in others:
        stop, remove = f"stop:{old.id}", f"remove:{old.id}"
        yield _op(p.StopContainer, stop, key, (f"create:{key}",), ref=_ref(old))
        yield _op(p.RemoveContainer, remove, key, (stop,), ref=_ref(old))
        ready = (*ready, stop, remove)
    ref = Ref(name, keep.id if keep else "")
    if name != spec.name:
        yield _op(p.RenameContainer, f"rename:{key}", key, ready, ref=ref, name=spec.name)
        ready = (*ready, f"rename:{key}")
        ref = Ref(spec.name, ref.id)
    if keep is None or keep.state != "running":
        yield _op(p.StartContainer, f"start:{key}", key, ready, ref=ref)


def _ref(container: ObservedContainer) -> Ref:
    return Ref(container.name, container.id)


def _op(kind: type, identity: str, resource: str, after: tuple[str, ...] = (), **fields: Any) -> Op:
    made: Op = kind(id=identity, resource=resource, bottle="", reason="tiny", after=after, **fields)
    return made


def running_copies(seen: Observed, home: str = HOME) -> dict[tuple[str, str], int]:
    """(bottle, kind) → how many of our containers run."""
    counts: dict[tuple[str, str], int] = {}
    for c in seen.containers:
        if c.labels.get(lb.HOME) == home and c.state in ("running", "paused", "restarting"):
            key = c.labels[lb.BOTTLE], c.labels[lb.KIND]
            counts[key] = counts.get(key, 0) + 1
    return counts
