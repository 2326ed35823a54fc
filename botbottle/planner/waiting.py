"""What was edited while a bottle is held: shown in the plan, and not done before its release. Pure.

Enforcement acts on what lives and was approved. An edit that it carried along would replace an
agent at work, and bring in unasked what has to be asked for.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.plan import Action, FieldChange, Ref
from botbottle.model.resources import ContainerSpec, ObservedContainer, SidecarStatus
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.config_fields import Places, config_changes
from botbottle.planner.container import choose
from botbottle.planner.draft import Draft
from botbottle.planner.fields import field_changes, limit_fields
from botbottle.planner.network import NetworkPlan
from botbottle.planner.resume import stored_env
from botbottle.planner.wanted import WAITS, Wanted, routes

type Variables = tuple[tuple[str, str], ...]


def as_it_lives(draft: Draft, want: Wanted) -> Wanted:
    """``want`` of a held bottle, with the configuration that is active, cut off, with the outer
    network that its sidecar is on, and with the variables that its agent was made for."""
    if want.standing.free:
        return want
    active, agent = _active(draft, want), survivor(draft, want, "agent")
    config = replace(active, routes=(), hold=want.config.hold) if active else want.config
    env = want.env if agent is None else _asked(agent, want.env)
    return replace(want, config=config, env=env, egress=_attached(draft, want))


def outer_networks(draft: Draft, want: Wanted) -> dict[str, NetworkPlan]:
    """The networks that the kept sidecar of a held bottle is on, by name."""
    kept = None if want.standing.free else survivor(draft, want, "egress")
    found = kept.endpoints if kept else ()
    return {e.network_name: NetworkPlan(Ref(e.network_name, e.network_id)) for e in found}


def recipes(draft: Draft, want: Wanted) -> tuple[tuple[str, str], ...]:
    """The images to make: for a held bottle those of containers that it lacks."""
    if want.standing.free:
        return want.recipes
    lacking = [s.image for s in (want.egress, want.agent) if survivor(draft, want, s.kind) is None]
    return tuple(r for r in want.recipes if r[1] and r[1] in lacking)


def plan_waiting(draft: Draft, want: Wanted) -> None:
    """A change without an op for each part that would be another one if the bottle were free."""
    name = want.spec.name
    for spec in (want.agent, want.egress):
        kept = survivor(draft, want, spec.kind)
        if kept is not None and (fields := tuple(_container(kept, spec, want))):
            draft.change(f"{name}/{spec.kind}", name, Action.HOLD, WAITS, fields)
    if fields := _config(draft, want):
        draft.change(f"{name}/egress-config", name, Action.HOLD, WAITS, fields)


def survivor(draft: Draft, want: Wanted, kind: str) -> ObservedContainer | None:
    """The agent or the sidecar that a hold would keep."""
    spec = want.agent if kind == "agent" else want.egress
    return choose(draft.mine(want.spec.name, kind), spec, held=True)


def _active(draft: Draft, want: Wanted) -> SidecarConfig | None:
    kept = survivor(draft, want, "egress")
    status = draft.observed.sidecars.get(kept.id) if kept and kept.state == "running" else None
    return status.config if status else None


def _attached(draft: Draft, want: Wanted) -> ContainerSpec:
    """An edited ``egress_network`` waits as well: it may not even exist. The sealed network of
    another bottle, which somebody connected, is not the outer one: kept on it, this sidecar could
    hold the address of that bottle's agent for as long as the hold lasts."""
    (outer, *rest), kept = want.egress.networks, survivor(draft, want, "egress")
    now = [e.network_name for e in kept.endpoints] if kept else []
    sealed = {n.name for n in draft.observed.networks if n.labels.get(labels.KIND) == "internal"}
    other = [name for name in now if name not in sealed | {want.network.name}]
    if outer.network in now or len(other) != 1:
        return want.egress
    return replace(want.egress, networks=(replace(outer, network=other[0]), *rest))


def _asked(agent: ObservedContainer, env: Variables) -> Variables:
    known = stored_env(agent.labels).get("BB_ENV", "").split()
    return tuple((name, mark) for name, mark in env if name in known)


def _container(kept: ObservedContainer, spec: ContainerSpec, want: Wanted) -> Iterator[FieldChange]:
    origins = want.spec.origins if spec.kind == "agent" else {}
    if kept.spec_hash != spec.spec_hash:
        yield from field_changes(kept, spec, origins)
    if kept.limits is not None:
        yield from limit_fields(kept.limits, spec.limits, origins)
    now = {e.network_name for e in kept.endpoints}
    for wanted in spec.networks[:1] if spec.kind == "egress" else ():
        if wanted.network not in now:
            yield FieldChange("egress_network", "", wanted.network)


def _config(draft: Draft, want: Wanted) -> tuple[FieldChange, ...]:
    """What is active, else what was approved last, against the manifests; routes that a hold has
    taken away are those that were approved."""
    new = replace(want.config, routes=routes(want.spec))
    approved = draft.facts.guards.get(want.spec.name, new)
    live = _active(draft, want)
    open_ = live if live is not None and not live.hold.policy else approved
    old = replace(
        live or new,
        hold=new.hold,
        routes=open_.routes,
        supervise=(live or approved).supervise,
    )
    return config_changes(SidecarStatus(config=old), new, (), Places(want.spec, draft.written))
