"""Network attachments of a container: exactly the wanted ones, strays cut before anything joins."""

from __future__ import annotations

from collections.abc import Mapping

from botbottle.model.plan import Action, ConnectNetwork, DisconnectNetwork, FieldChange, Ref
from botbottle.model.resources import Attachment, ContainerSpec, Endpoint, ObservedContainer
from botbottle.planner.draft import Draft
from botbottle.planner.network import NetworkPlan


def join(
    draft: Draft,
    spec: ContainerSpec,
    ref: Ref,
    resource: str,
    networks: Mapping[str, NetworkPlan],
    after: tuple[str, ...],
) -> tuple[str, ...]:
    """Connect a new container to the networks beyond the one given at create."""
    return tuple(
        _connect(draft, spec, ref, resource, networks, attachment, "missing", after)
        for attachment in spec.networks[1:]
    )


def attach(
    draft: Draft,
    spec: ContainerSpec,
    keep: ObservedContainer,
    ref: Ref,
    resource: str,
    networks: Mapping[str, NetworkPlan],
) -> tuple[str, ...]:
    """Make the attachments of a kept container the wanted ones; returns the ops' ids."""
    fits = {a.network: _fitting(keep, a, networks[a.network]) for a in spec.networks}
    unwanted = [e for e in keep.endpoints if e not in fits.values()]
    stray = [e for e in unwanted if (keep.id, e.network_id) not in draft.cuts]
    # Others are cut already for the sake of a network that goes; a start waits for these, too.
    cut_there = (draft.cuts.get((keep.id, e.network_id)) for e in unwanted)
    known = tuple(i for i in cut_there if i is not None)
    cut = tuple(_disconnect(draft, spec, ref, resource, e) for e in stray)
    missing = [a for a in spec.networks if fits[a.network] is None]
    joined = tuple(
        _connect(draft, spec, ref, resource, networks, a, "disconnected", cut) for a in missing
    )
    if cut or joined:
        fields = tuple(FieldChange("network", e.network_name, "") for e in stray)
        fields += tuple(FieldChange("network", "", a.network) for a in missing)
        drift = bool(cut) or keep.state != "created"  # an apply may have ended before it joined all
        draft.change(resource, spec.bottle, Action.UPDATE, "attachments", fields, drift=drift)
    return (*known, *cut, *joined)


def _fitting(
    keep: ObservedContainer, attachment: Attachment, network: NetworkPlan
) -> Endpoint | None:
    """The live endpoint that serves ``attachment``. A container that never started has
    endpoints without a network id; the name decides then."""
    for endpoint in keep.endpoints:
        if endpoint.network_id and endpoint.network_id == network.ref.id:
            return endpoint
        if not endpoint.network_id and endpoint.network_name == attachment.network:
            return endpoint
    return None


def _disconnect(draft: Draft, spec: ContainerSpec, ref: Ref, resource: str, stray: Endpoint) -> str:
    return draft.add(
        DisconnectNetwork(
            id=f"disconnect:{resource}:{stray.network_id[:12] or stray.network_name}",
            resource=resource,
            bottle=spec.bottle,
            reason="not-wanted",
            ref=ref,
            network=Ref(stray.network_name, stray.network_id),
        )
    )


def _connect(
    draft: Draft,
    spec: ContainerSpec,
    ref: Ref,
    resource: str,
    networks: Mapping[str, NetworkPlan],
    attachment: Attachment,
    reason: str,
    after: tuple[str, ...],
) -> str:
    network = networks[attachment.network]
    return draft.add(
        ConnectNetwork(
            id=f"connect:{resource}:{attachment.network}",
            resource=resource,
            bottle=spec.bottle,
            reason=reason,
            after=(*after, *network.after),
            ref=ref,
            network=network.ref,
            attachment=attachment,
        )
    )
