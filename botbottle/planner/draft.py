"""What a planning run collects: ops and changes, with ids that are unique and deterministic."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from botbottle.model import canonical, labels
from botbottle.model.diagnostic import Origin
from botbottle.model.ledger_view import Pool
from botbottle.model.plan import (
    Action,
    Change,
    DisconnectNetwork,
    FieldChange,
    Notice,
    Op,
    ReachChange,
)
from botbottle.model.resources import (
    ContainerSpec,
    NetworkSpec,
    Observed,
    ObservedContainer,
    ObservedNetwork,
    ObservedVolume,
    VolumeSpec,
)
from botbottle.planner.facts import Facts

SHARED = "_shared"  # project label of shared resources; no project may be called so


class Draft(Struct):
    """Mutable only inside one call of ``plan``; ``done`` maps an op id to itself for ordering."""

    project: str
    facts: Facts
    observed: Observed
    written: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)  # of the settings
    pools: Mapping[str, Sequence[Pool]] = field(default_factory=dict)  # by key of their scope
    ops: list[Op] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    reach: list[ReachChange] = field(default_factory=list)
    unchanged: int = 0
    cuts: dict[tuple[str, str], str] = field(default_factory=dict)  # (container, network) → op
    vacated: dict[str, str] = field(default_factory=dict)  # container id → op that renames it away
    _ids: set[str] = field(default_factory=set)
    _by_bottle: dict[str, list[Op]] = field(default_factory=dict)
    _index: Index | None = None

    def add(self, op: Op) -> str:
        """Append an op once; its id comes back for use in ``after``. Dependencies on ops that
        are not in the plan (nothing to do there) are dropped."""
        if op.id not in self._ids:
            self._ids.add(op.id)
            after = self.existing(op.after) if op.after else ()
            placed = op if after == op.after else replace(op, after=after)
            self.ops.append(placed)
            self._by_bottle.setdefault(op.bottle, []).append(placed)
            if isinstance(op, DisconnectNetwork):
                self.cuts[op.ref.id, op.network.id] = op.id
        return op.id

    def existing(self, ids: Iterable[str]) -> tuple[str, ...]:
        """The ids among ``ids`` that are planned, each once, in the order given."""
        return tuple(dict.fromkeys(i for i in ids if i in self._ids))

    def change(
        self,
        resource: str,
        bottle: str,
        action: Action,
        reason: str,
        fields: Sequence[FieldChange] = (),
        *,
        drift: bool = False,
        note: str = "",
    ) -> None:
        self.changes.append(Change(resource, bottle, action, reason, tuple(fields), drift, note))

    def mine(self, bottle: str, kind: str) -> tuple[ObservedContainer, ...]:
        """This project's containers of one bottle and kind, in a stable order."""
        return tuple(self.index.containers.get((bottle, kind), ()))

    def my_networks(self, bottle: str, kind: str = "internal") -> tuple[ObservedNetwork, ...]:
        return tuple(self.index.networks.get((bottle, kind), ()))

    def my_volumes(self, bottle: str) -> tuple[ObservedVolume, ...]:
        return tuple(self.index.volumes.get(bottle, ()))

    def ops_of(self, bottle: str) -> tuple[Op, ...]:
        """The ops planned so far for one bottle."""
        return tuple(self._by_bottle.get(bottle, ()))

    def holder(self, name: str) -> ObservedContainer | None:
        """Whoever holds a container name, ours or not, and does not leave it in this plan."""
        found = self.index.names.get(name)
        return None if found is None or found.id in self.vacated else found

    def unheld(self, name: str) -> str:
        """``name``, or the first numbered form of it that no container holds."""
        forms = itertools.chain((name,), (f"{name}-{n}" for n in itertools.count(2)))
        return next(form for form in forms if form not in self.index.names)

    def resource_of(self, container: ObservedContainer) -> str:
        """What a container of this home is, in the words of a plan: ``web/agent``, ``ledger``."""
        bottle, kind = _key(container.labels)
        return f"{bottle}/{kind}" if bottle else kind

    def owns(self, container: ObservedContainer) -> bool:
        """Whether it is this project's or shared by all projects of this home."""
        home, project = self.facts.paths.home_id, self.project
        marks = container.labels
        return owned(marks, home, project) or owned(marks, home, SHARED)

    @property
    def index(self) -> Index:
        """Look-up tables over the observation, made once per plan."""
        if self._index is None:
            self._index = make_index(self.observed, self.facts.paths.home_id, self.project)
        return self._index


class Index(Struct, frozen=True):
    """(bottle, kind) → this project's resources; name → whoever holds it."""

    containers: dict[tuple[str, str], list[ObservedContainer]]
    networks: dict[tuple[str, str], list[ObservedNetwork]]
    names: dict[str, ObservedContainer]
    container_ids: set[str]
    strange_networks: dict[str, ObservedNetwork]  # by name: whose home is not this one
    volumes: dict[str, list[ObservedVolume]]  # by bottle
    volume_names: frozenset[str]  # of this home
    strange_volumes: frozenset[str]  # names that others hold
    image_tags: frozenset[str]


def make_index(observed: Observed, home_id: str, project: str) -> Index:
    """Sort the observation once; ids give a stable order whatever the engine's order was."""
    strange = {n.name: n for n in _by_id(observed.networks) if n.labels.get(labels.HOME) != home_id}
    named = frozenset(v.name for v in observed.volumes if v.labels.get(labels.HOME) == home_id)
    foreign = frozenset(v.name for v in observed.volumes) - named
    tags = frozenset(tag for image in observed.images for tag in image.tags)
    holders = {c.name: c for c in observed.containers}
    index = Index({}, {}, holders, set(), strange, {}, named, foreign, tags)
    for c in sorted(observed.containers, key=lambda c: c.id):
        if owned(c.labels, home_id, project):
            index.containers.setdefault(_key(c.labels), []).append(c)
            index.container_ids.add(c.id)
    for n in _by_id(observed.networks):
        if owned(n.labels, home_id, project):
            index.networks.setdefault(_key(n.labels), []).append(n)
    for v in sorted(observed.volumes, key=lambda v: v.name):
        if owned(v.labels, home_id, project):
            index.volumes.setdefault(v.labels.get(labels.BOTTLE, ""), []).append(v)
    return index


def _by_id(networks: Iterable[ObservedNetwork]) -> list[ObservedNetwork]:
    return sorted(networks, key=lambda n: n.id)


def _key(found: Mapping[str, str]) -> tuple[str, str]:
    return found.get(labels.BOTTLE, ""), found.get(labels.KIND, "")


def owned(found: Mapping[str, str], home_id: str, project: str) -> bool:
    """Whether labels say: made by this home for this project."""
    return found.get(labels.HOME) == home_id and found.get(labels.PROJECT) == project


def owner_labels(facts: Facts, project: str, bottle: str, kind: str) -> dict[str, str]:
    """Labels that prove ownership of any kind of resource."""
    return {
        labels.HOME: facts.paths.home_id,
        labels.PROJECT: project,
        labels.BOTTLE: bottle,
        labels.KIND: kind,
        labels.VERSION: facts.bb_version,
    }


def container_labels(
    facts: Facts, project: str, spec: ContainerSpec, source: str
) -> tuple[tuple[str, str], ...]:
    """Ownership plus the canonical spec and its hash: a later plan can say what changed."""
    made = owner_labels(facts, project, spec.bottle, spec.kind) | {
        labels.SPEC_HASH: spec.spec_hash,
        labels.SPEC_HASH_VERSION: str(canonical.HASH_VERSION),
        labels.SPEC: spec.spec_text,
        labels.SOURCE: source,
    }
    return tuple(sorted(made.items()))


def network_labels(facts: Facts, project: str, spec: NetworkSpec) -> tuple[tuple[str, str], ...]:
    made = owner_labels(facts, project, spec.bottle, spec.kind)
    made[labels.SPEC_HASH] = spec.spec_hash
    return tuple(sorted(made.items()))


def volume_labels(facts: Facts, project: str, spec: VolumeSpec) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(owner_labels(facts, project, spec.bottle, "volume").items()))
