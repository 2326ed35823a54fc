"""Preconditions: what an op relies on must still be there, checked right before the op."""

from __future__ import annotations

from botbottle.engine.api import EngineRead
from botbottle.errors import PlanStale
from botbottle.executor.api import Tools
from botbottle.executor.names import Names
from botbottle.model import canonical, plan
from botbottle.model.fragment import attached_to
from botbottle.model.fragment import volume as volume_fragment
from botbottle.model.resources import ObservedContainer, ObservedNetwork


def container_fragment(found: ObservedContainer) -> str:
    """Digest of what identifies a container; its state changes within a plan and is not in."""
    return canonical.digest([found.id, found.spec_hash, found.image_id])


def network_fragment(found: ObservedNetwork) -> str:
    """Digest of what identifies a network."""
    return canonical.digest([found.id, sorted(found.labels.items()), found.subnets])


def check(op: plan.Op, tools: Tools, names: Names) -> None:
    """Compare ``op.expect`` with the world. Raises PlanStale when they differ; an op without an
    expectation costs nothing."""
    if not op.expect or met(op, tools, names):
        return
    raise PlanStale(
        f"{_what(op)} changed since the plan was made",
        where=op.resource,
        hint="plan again: bb plan",
    )


def met(op: plan.Op, tools: Tools, names: Names) -> bool:
    """Whether the world is as the op expects it, or as the op itself would leave it (it was done
    already and only the answer was lost). A sidecar that restarted has nothing active, so there
    is nothing that a delivery could undo."""
    if isinstance(op, plan.PushConfig):
        status = tools.control.status(op.control)
        active = status.config_hash if status else ""
        return active in ("", op.expect, op.config.config_hash)
    if isinstance(op, plan.RemoveVolume):
        volume = tools.engine.volume(op.name)
        return volume is None or op.expect == volume_fragment(volume.name, volume.labels)
    return op.expect == current(op, tools.engine, names)


def current(op: plan.Op, engine: EngineRead, names: Names) -> str:
    """The fragment as it is now; empty when the resource is gone."""
    if isinstance(op, plan.RemoveNetwork):
        network = engine.network(names.network(op.ref))
        return network_fragment(network) if network else ""
    ref = getattr(op, "ref", None)
    if not isinstance(ref, plan.Ref):
        return ""
    container = engine.container(names.container(ref))
    if container is None:
        return ""
    if isinstance(op, plan.StartContainer | plan.DeliverEnv):
        return attached_to(e.network_name for e in container.endpoints)
    return container_fragment(container)


def _what(op: plan.Op) -> str:
    match op:
        case plan.StartContainer() | plan.DeliverEnv():
            return "the networks it is attached to"
        case plan.PushConfig():
            return "the configuration that is active in the sidecar"
        case plan.RemoveVolume():
            return f"the volume {op.name} is not the one that was seen; it"
    return "it"
