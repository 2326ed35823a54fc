"""Preconditions: what an op relies on must still be there, checked right before the op."""

from __future__ import annotations

from botbottle.engine.api import EngineRead
from botbottle.errors import PlanStale
from botbottle.executor.names import Names
from botbottle.model import canonical, plan
from botbottle.model.resources import ObservedContainer, ObservedNetwork


def container_fragment(found: ObservedContainer) -> str:
    """Digest of what identifies a container; its state changes within a plan and is not in."""
    return canonical.digest([found.id, found.spec_hash, found.image_id])


def network_fragment(found: ObservedNetwork) -> str:
    """Digest of what identifies a network."""
    return canonical.digest([found.id, sorted(found.labels.items()), found.subnets])


def check(op: plan.Op, engine: EngineRead, names: Names) -> None:
    """Compare ``op.expect`` with the engine. Raises PlanStale when they differ; an op without an
    expectation costs nothing."""
    if not op.expect or op.expect == current(op, engine, names):
        return
    raise PlanStale(
        "it changed since the plan was made", where=op.resource, hint="plan again: bb plan"
    )


def current(op: plan.Op, engine: EngineRead, names: Names) -> str:
    """The fragment as it is now; empty when the resource is gone."""
    if isinstance(op, plan.RemoveNetwork):
        network = engine.network(names.network(op.ref))
        return network_fragment(network) if network else ""
    ref = getattr(op, "ref", None)
    if not isinstance(ref, plan.Ref):
        return ""
    container = engine.container(names.container(ref))
    return container_fragment(container) if container else ""
