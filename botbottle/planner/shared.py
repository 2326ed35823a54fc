"""What all bottles of a home share: the ledger service and the outer network.

They carry the home's label and the project ``home``-wide marker, so no project's prune removes
them while another project's bottles need them.
"""

from __future__ import annotations

from botbottle.model import labels
from botbottle.model.bottle import Settings
from botbottle.model.plan import (
    Action,
    AwaitReady,
    DisconnectNetwork,
    Ref,
    RemoveContainer,
    RemoveNetwork,
    StartContainer,
)
from botbottle.model.resources import ObservedContainer, ObservedNetwork
from botbottle.planner.container import ContainerPlan, plan_container
from botbottle.planner.draft import SHARED, Draft
from botbottle.planner.images import plan_images
from botbottle.planner.names import is_outer_subnet, outer_subnet
from botbottle.planner.network import NetworkPlan, settle
from botbottle.planner.specs import ledger_spec, outer_spec
from botbottle.planner.wanted import SIDECAR_RECIPE


def plan_shared(draft: Draft, settings: Settings) -> tuple[dict[str, NetworkPlan], tuple[str, ...]]:
    """(networks by name, ops that precede any sidecar's start)."""
    networks = _outer(draft, settings)
    return networks, _ledger(draft, settings, networks)


def _outer(draft: Draft, settings: Settings) -> dict[str, NetworkPlan]:
    """Our own outer network, or the one that settings name (never created or changed by us)."""
    if settings.egress_network:
        found = [n for n in draft.observed.networks if n.name == settings.egress_network]
        ref = Ref(settings.egress_network, found[0].id if found else "")
        return {settings.egress_network: NetworkPlan(ref)}
    spec = outer_spec(outer_room(draft, settings), draft.facts)
    return {spec.name: settle(draft, spec, shared_networks(draft), SHARED, "outer")}


def outer_room(draft: Draft, settings: Settings) -> str:
    """The subnet of the outer network: the one it has, else a free one. Raises Refused."""
    pool = settings.address_pool
    have = [s for n in shared_networks(draft) for s in n.subnets if is_outer_subnet(s, pool)]
    taken = (s for n in draft.observed.networks for s in n.subnets)
    return have[0] if have else outer_subnet(pool, taken)


def shared_networks(draft: Draft) -> tuple[ObservedNetwork, ...]:
    home = draft.facts.paths.home_id
    found = (n for n in draft.observed.networks if n.labels.get(labels.HOME) == home)
    mine = (n for n in found if n.labels.get(labels.PROJECT) == SHARED)
    return tuple(sorted(mine, key=lambda n: n.id))


def shared_containers(draft: Draft) -> tuple[ObservedContainer, ...]:
    home = draft.facts.paths.home_id
    found = (c for c in draft.observed.containers if c.labels.get(labels.HOME) == home)
    mine = (c for c in found if c.labels.get(labels.PROJECT) == SHARED)
    return tuple(sorted(mine, key=lambda c: c.id))


def _ledger(draft: Draft, settings: Settings, networks: dict[str, NetworkPlan]) -> tuple[str, ...]:
    """The ledger service runs, and has opened its database, before any sidecar starts."""
    spec = ledger_spec(settings, draft.facts)
    paths = draft.facts.paths
    images = plan_images(draft, ((SIDECAR_RECIPE, spec.image),))
    service = plan_container(
        draft,
        spec,
        SHARED,
        resource="ledger",
        found=shared_containers(draft),
        networks=networks,
        create_after=images,
        directories=((paths.ledger_dir, 0o700), (paths.socket_root, 0o755)),
    )
    if service.blocked or (service.running and not draft.facts.ledger_locked):
        return service.ready
    if service.running:
        draft.change("ledger", "", Action.UPDATE, "locked", drift=True)
        return (_await(draft, service, "locked", service.ready),)
    reason = service.at_rest
    if not service.created_by:
        draft.change("ledger", "", Action.START, reason, drift=reason == "not-running")
    start = draft.add(
        StartContainer(
            id="start:ledger",
            resource="ledger",
            bottle="",
            reason=reason,
            after=service.ready,
            ref=service.ref,
        )
    )
    return (start, _await(draft, service, reason, (start,)))


def _await(draft: Draft, service: ContainerPlan, reason: str, after: tuple[str, ...]) -> str:
    return draft.add(
        AwaitReady(
            id="await:ledger",
            resource="ledger",
            bottle="",
            reason=reason,
            after=after,
            ref=service.ref,
            control="",
        )
    )


def retire_outer(draft: Draft, settings: Settings) -> None:
    """Remove our own outer network where the settings name another one, as soon as no container is
    left on it: other projects leave it with their own next plan. All bottles are planned."""
    if not settings.egress_network:
        return
    for network in shared_networks(draft):
        leaving = _leaving(draft, network)
        if _on(draft, network) <= leaving.keys():
            draft.change("outer", "", Action.REMOVE, "network-superseded")
            draft.add(
                RemoveNetwork(
                    id=f"remove:outer:{network.id[:12]}",
                    resource="outer",
                    bottle="",
                    reason="network-superseded",
                    after=tuple(sorted(leaving.values())),
                    ref=Ref(network.name, network.id),
                )
            )


def _on(draft: Draft, network: ObservedNetwork) -> set[str]:
    """Ids of all containers on it, also of stopped ones, which the network itself does not name."""
    known = {network.id, network.name}
    attached = {
        c.id
        for c in draft.observed.containers
        if any((e.network_id or e.network_name) in known for e in c.endpoints)
    }
    return attached | set(network.endpoints)


def _leaving(draft: Draft, network: ObservedNetwork) -> dict[str, str]:
    """Container on the network → the op that removes it or cuts it off."""
    on = _on(draft, network)
    return {
        op.ref.id: op.id
        for op in draft.ops
        if isinstance(op, RemoveContainer)
        or (isinstance(op, DisconnectNetwork) and op.network.id == network.id)
        if op.ref.id in on
    }


def retire_shared(draft: Draft) -> None:
    """Remove what is shared when nothing of any other project is left on the engine."""
    home = draft.facts.paths.home_id
    others = [
        c
        for c in draft.observed.containers
        if c.labels.get(labels.HOME) == home
        and c.labels.get(labels.PROJECT) not in (draft.project, SHARED)
    ]
    if others:
        return
    earlier = tuple(op.id for op in draft.ops)
    for found in shared_containers(draft):
        draft.change("ledger", "", Action.REMOVE, "destroy")
        draft.add(
            RemoveContainer(
                id=f"remove:ledger:{found.id[:12]}",
                resource="ledger",
                bottle="",
                reason="destroy",
                after=earlier,
                ref=Ref(found.name, found.id),
                kill=True,
            )
        )
    for network in shared_networks(draft):
        draft.change("outer", "", Action.REMOVE, "destroy")
        draft.add(
            RemoveNetwork(
                id=f"remove:outer:{network.id[:12]}",
                resource="outer",
                bottle="",
                reason="destroy",
                after=earlier,
                ref=Ref(network.name, network.id),
            )
        )
