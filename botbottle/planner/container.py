"""Containers: at most one live copy, the one whose hash matches; no special recovery path.

Three rules cover every half-state a crash can leave: keep the container whose spec hash matches
(prefer running, then the final name, then the smallest id); stop and remove the others; rename
the kept one if its name is not final, start it if it does not run.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from botbottle.model.diagnostic import Origin
from botbottle.model.plan import (
    Action,
    CreateContainer,
    Notice,
    Ref,
    RemoveContainer,
    RenameContainer,
    StopContainer,
    UnpauseContainer,
    UpdateContainer,
)
from botbottle.model.resources import ContainerSpec, ObservedContainer
from botbottle.planner.attach import attach, join
from botbottle.planner.draft import Draft, container_labels
from botbottle.planner.fields import field_changes, limit_fields
from botbottle.planner.network import NetworkPlan

ALIVE = ("running", "paused", "restarting")


class ContainerPlan(Struct, frozen=True):
    """Outcome for one container: how to name it, what must precede its start, whether it is
    new (its memory and files are empty) and whether it already runs."""

    ref: Ref
    kept: ObservedContainer | None
    created_by: str = ""
    ready: tuple[str, ...] = ()  # ops that must precede start
    stopped: tuple[str, ...] = ()  # ops after which no older copy runs
    blocked: bool = False

    @property
    def running(self) -> bool:
        return self.kept is not None and self.kept.state == "running"

    @property
    def at_rest(self) -> str:
        """Why it is to be started: it is new; an apply ended before it was started (nobody else
        leaves one that never ran); or somebody has stopped it."""
        if self.kept is None:
            return "missing"
        return "never-started" if self.kept.state == "created" else "not-running"


def choose(
    found: tuple[ObservedContainer, ...], spec: ContainerSpec, *, held: bool = False
) -> ObservedContainer | None:
    """The copy to keep, by the rule of the module docstring. Of a ``held`` bottle one of another
    spec is kept, too, unless it never ran: nothing is replaced before the bottle is free."""
    own = spec.spec_hash
    fit = [
        c for c in found if usable(c) and (c.spec_hash == own or (held and c.state != "created"))
    ]
    order = sorted(
        fit, key=lambda c: (_rest(c, held), c.spec_hash != own, c.name != spec.name, c.id)
    )
    return order[0] if order else None


def _rest(container: ObservedContainer, held: bool) -> int:
    """How far it is from running; a paused agent's work counts where nothing is replaced."""
    return 0 if container.state == "running" else 1 if held and container.state in ALIVE else 2


def usable(container: ObservedContainer) -> bool:
    """A dead container or one being removed cannot be kept."""
    return container.state not in ("dead", "removing")


def _temporary(spec: ContainerSpec) -> str:
    """What a copy is called while an older one has the name."""
    return f"{spec.name}-{spec.spec_hash[:6]}"


def plan_container(
    draft: Draft,
    spec: ContainerSpec,
    project: str,
    *,
    resource: str,
    found: tuple[ObservedContainer, ...],
    networks: Mapping[str, NetworkPlan],
    create_after: tuple[str, ...],
    directories: tuple[tuple[str, int], ...] = (),
    files: tuple[tuple[str, int], ...] = (),
    source: str = "",
    origins: Mapping[str, tuple[Origin, ...]] | None = None,
    held: bool = False,
) -> ContainerPlan:
    """Plan everything up to (not including) the start of one container. ``held``: what exists is
    kept as it is, whatever its spec."""
    keep = choose(found, spec, held=held)
    others = tuple(c for c in found if c is not keep)
    if keep:
        return _keep(draft, spec, keep, others, resource, networks, origins or {}, held=held)
    free = draft.holder(spec.name) is None
    stranger = draft.holder(spec.name)
    if stranger and stranger not in found:
        draft.notices.append(_taken(draft, spec, stranger))
        return ContainerPlan(Ref(spec.name), None, blocked=True)
    name = spec.name if free else draft.unheld(_temporary(spec))
    created = draft.add(
        CreateContainer(
            id=f"create:{resource}",
            resource=resource,
            bottle=spec.bottle,
            reason="spec-changed" if others else "missing",
            after=(*create_after, *networks[spec.networks[0].network].after)
            if spec.networks
            else create_after,
            spec=spec,
            name=name,
            labels=container_labels(draft.facts, project, spec, source),
            directories=directories,
            files=files,
        )
    )
    fields = field_changes(others[0] if others else None, spec, origins or {})
    action = Action.REPLACE if others else Action.CREATE
    draft.change(resource, spec.bottle, action, "spec-changed" if others else "missing", fields)
    # A start waits until no older copy runs. That one is removed, and its name taken over, beside
    # what comes next: whoever sees a crash in between finds a copy to remove and one to rename.
    ref = Ref(name)
    stopped, removed = _retire(draft, others, spec.bottle, resource, (created,))
    _rename(draft, spec, ref, name, resource, (created, *removed))
    joined = join(draft, spec, ref, resource, networks, (created, *stopped))
    return ContainerPlan(ref, None, created, (created, *stopped, *joined), stopped)


def _taken(draft: Draft, spec: ContainerSpec, holder: ObservedContainer) -> Notice:
    """Who has the name. One of ours moves by itself, unless ``--only`` leaves it alone."""
    if draft.owns(holder):
        who = f"{draft.resource_of(holder)}, which --only leaves alone; run without --only"
    else:
        who = f"{holder.id[:12]}, which is not ours to touch; remove or rename it, then run again"
    return Notice("BB801", spec.bottle, f"the container name {spec.name} is taken by {who}")


def _keep(
    draft: Draft,
    spec: ContainerSpec,
    keep: ObservedContainer,
    others: tuple[ObservedContainer, ...],
    resource: str,
    networks: Mapping[str, NetworkPlan],
    origins: Mapping[str, tuple[Origin, ...]],
    *,
    held: bool,
) -> ContainerPlan:
    ref = Ref(keep.name, keep.id)
    stopped, removed = _retire(draft, others, spec.bottle, resource, ())
    ready: tuple[str, ...] = (*stopped, *removed)
    drifted = bool(others)
    ours = keep.name.startswith(_temporary(spec))  # a replacement that an apply has not ended
    if others:
        left = ours or all(c.state == "created" for c in others)  # or one that was given up
        reason = "superseded" if left else "extra-copy"
        draft.change(resource, spec.bottle, Action.REMOVE, reason, drift=not left)
    if keep.name != spec.name:
        holder = draft.holder(spec.name)
        if holder and holder not in others:
            draft.notices.append(_taken(draft, spec, holder))
            return ContainerPlan(ref, keep, blocked=True)
        ready += _rename(draft, spec, ref, keep.name, resource, ready)
        reason = "final-name" if ours else "renamed"
        draft.change(resource, spec.bottle, Action.UPDATE, reason, drift=not ours)
        drifted = True
    # Nobody can tell an edited limit from one that somebody changed: while it is held, both wait.
    updated = () if held else _limits(draft, spec, keep, ref, resource, origins)
    joined = attach(draft, spec, keep, ref, resource, networks)
    if keep.state == "paused":
        ready += (_unpause(draft, spec, ref, resource),)
        drifted = True
    if not (drifted or updated or joined) and keep.spec_hash == spec.spec_hash:
        draft.unchanged += 1
    return ContainerPlan(ref, keep, "", (*ready, *updated, *joined), stopped)


def _unpause(draft: Draft, spec: ContainerSpec, ref: Ref, resource: str) -> str:
    draft.change(resource, spec.bottle, Action.UPDATE, "paused", drift=True)
    return draft.add(
        UnpauseContainer(
            id=f"unpause:{resource}",
            resource=resource,
            bottle=spec.bottle,
            reason="paused",
            ref=ref,
        )
    )


def _retire(
    draft: Draft,
    others: tuple[ObservedContainer, ...],
    bottle: str,
    resource: str,
    after: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stop and remove superseded copies; (ids of stops, ids of removes)."""
    stops: list[str] = []
    removes: list[str] = []
    for old in others:
        ref = Ref(old.name, old.id)
        stop: tuple[str, ...] = ()
        if old.state in ALIVE:
            stop = (
                draft.add(
                    StopContainer(
                        id=f"stop:{resource}:{old.id[:12]}",
                        resource=resource,
                        bottle=bottle,
                        reason="superseded",
                        after=after,
                        ref=ref,
                    )
                ),
            )
            stops.extend(stop)
        removes.append(
            draft.add(
                RemoveContainer(
                    id=f"remove:{resource}:{old.id[:12]}",
                    resource=resource,
                    bottle=bottle,
                    reason="superseded",
                    after=(*after, *stop),
                    ref=ref,
                )
            )
        )
    return tuple(stops), tuple(removes)


def _rename(
    draft: Draft,
    spec: ContainerSpec,
    ref: Ref,
    name: str,
    resource: str,
    after: tuple[str, ...],
) -> tuple[str, ...]:
    if name == spec.name:
        return ()
    op = RenameContainer(
        id=f"rename:{resource}",
        resource=resource,
        bottle=spec.bottle,
        reason="final-name",
        after=after,
        ref=ref,
        name=spec.name,
    )
    return (draft.add(op),)


def _limits(
    draft: Draft,
    spec: ContainerSpec,
    keep: ObservedContainer,
    ref: Ref,
    resource: str,
    origins: Mapping[str, tuple[Origin, ...]],
) -> tuple[str, ...]:
    """Limits are compared with the live container: they are what the engine can mutate. Those of
    a container that does not run are not observed, so they are set before it is started."""
    if keep.limits == spec.limits:
        return ()
    reason = "limits-unknown" if keep.limits is None else "limits-changed"
    if keep.limits is not None:
        fields = limit_fields(keep.limits, spec.limits, origins)
        limits = (spec.limits.memory, spec.limits.nano_cpus, spec.limits.pids)
        # What is declared as it was applied last was changed by somebody else.
        drift = spec.kind == "agent" and draft.facts.limits.get(spec.bottle) == limits
        draft.change(resource, spec.bottle, Action.UPDATE, reason, fields, drift=drift)
    op = UpdateContainer(
        id=f"update:{resource}",
        resource=resource,
        bottle=spec.bottle,
        reason=reason,
        ref=ref,
        limits=spec.limits,
    )
    return (draft.add(op),)
