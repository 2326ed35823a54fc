"""Networks: exactly one owned network with the wanted hash; superseded ones go when empty."""

from __future__ import annotations

from msgspec import Struct

from botbottle.model import labels
from botbottle.model.plan import (
    Action,
    CreateNetwork,
    DisconnectNetwork,
    FieldChange,
    Notice,
    Ref,
    RemoveNetwork,
)
from botbottle.model.resources import NetworkSpec, ObservedNetwork
from botbottle.planner.draft import Draft, network_labels


class NetworkPlan(Struct, frozen=True):
    """Where containers attach: the network by id or by the name that an op creates."""

    ref: Ref
    created_by: str = ""
    blocked: bool = False

    @property
    def after(self) -> tuple[str, ...]:
        return (self.created_by,) if self.created_by else ()


def plan_network(draft: Draft, spec: NetworkSpec, project: str, resource: str) -> NetworkPlan:
    """Keep the matching network or make one; remove what it supersedes."""
    found = draft.my_networks(spec.bottle, spec.kind) if project == draft.project else ()
    return settle(draft, spec, tuple(found), project, resource)


def settle(
    draft: Draft,
    spec: NetworkSpec,
    found: tuple[ObservedNetwork, ...],
    project: str,
    resource: str,
) -> NetworkPlan:
    """The rule itself, for any set of owned candidates."""
    keep = next((n for n in found if n.labels.get(labels.SPEC_HASH) == spec.spec_hash), None)
    old = [n for n in found if n is not keep]
    removed = [_remove(draft, n, spec.bottle, resource) for n in old]
    if keep:
        draft.unchanged += not old
        if old:
            draft.change(resource, spec.bottle, Action.REMOVE, "duplicate-network", drift=True)
        return NetworkPlan(Ref(keep.name, keep.id))
    stranger = _stranger(draft, spec)
    if stranger:
        draft.notices.append(stranger)
    if stranger or not all(removed):
        return NetworkPlan(Ref(spec.name), blocked=True)
    op = draft.add(
        CreateNetwork(
            id=f"create:{resource}",
            resource=resource,
            bottle=spec.bottle,
            reason="network-changed" if old else "missing",
            after=tuple(removed),
            spec=spec,
            labels=network_labels(draft.facts, project, spec),
        )
    )
    was = next((subnet for n in old for subnet in n.subnets), "")
    fields = (FieldChange("subnet", was, spec.subnet),)
    action = Action.REPLACE if old else Action.CREATE
    draft.change(resource, spec.bottle, action, "network-changed" if old else "missing", fields)
    return NetworkPlan(Ref(spec.name), op)


def _remove(draft: Draft, network: ObservedNetwork, bottle: str, resource: str) -> str:
    """Disconnect our own endpoints, then remove; a stranger's endpoint forbids the removal."""
    foreign = [e for e in network.endpoints if e not in draft.index.container_ids]
    if foreign:
        draft.notices.append(
            Notice(
                "BB802",
                bottle,
                f"network {network.name} is replaced, but a container that is not ours is on it; "
                "it is left in place",
            )
        )
        return ""
    cut = [
        _cut(draft, network, endpoint, bottle, resource, "network-superseded")
        for endpoint in sorted(network.endpoints)
    ]
    return draft.add(
        RemoveNetwork(
            id=f"remove:{resource}:{network.id[:12]}",
            resource=resource,
            bottle=bottle,
            reason="network-superseded",
            after=tuple(cut),
            ref=Ref(network.name, network.id),
        )
    )


def _cut(
    draft: Draft, network: ObservedNetwork, endpoint: str, bottle: str, resource: str, reason: str
) -> str:
    """The op that cuts a container (``endpoint``: its id) from a network; one that is planned
    for the container's own sake serves."""
    return draft.cuts.get((endpoint, network.id)) or draft.add(
        DisconnectNetwork(
            id=f"disconnect:{resource}:{network.id[:12]}:{endpoint[:12]}",
            resource=resource,
            bottle=bottle,
            reason=reason,
            ref=Ref("", endpoint),
            network=Ref(network.name, network.id),
        )
    )


def _stranger(draft: Draft, spec: NetworkSpec) -> Notice | None:
    """Somebody else's network under our name: it is never touched, and we do not double it."""
    network = draft.index.strange_networks.get(spec.name)
    if network is None:
        return None
    return Notice(
        "BB801",
        spec.bottle,
        f"the network name {spec.name} is taken by network {network.id[:12]}, which has "
        "no label of ours; it is left alone. Remove or rename it, then run again",
    )


def drop_network(
    draft: Draft,
    network: ObservedNetwork,
    bottle: str,
    own: set[str],
    after: tuple[str, ...],
    reason: str,
) -> str:
    """Plan the removal of an owned network once ``after`` (the removal of its ``own`` containers,
    by id) is done and no other of ours, which somebody connected, is on it any more."""
    resource = f"{bottle}/internal"
    if any(e not in draft.index.container_ids for e in network.endpoints):
        return _remove(draft, network, bottle, resource)
    strays = sorted(set(network.endpoints) - own)
    cuts = tuple(_cut(draft, network, e, bottle, resource, reason) for e in strays)
    draft.change(resource, bottle, Action.REMOVE, reason)
    return draft.add(
        RemoveNetwork(
            id=f"remove:{resource}:{network.id[:12]}",
            resource=resource,
            bottle=bottle,
            reason=reason,
            after=(*after, *cuts),
            ref=Ref(network.name, network.id),
        )
    )
