"""Handlers of the ops that take more than one call (see ``dispatch``): idempotent, no decisions.

What a call means when the world moved meanwhile is settled here (reconciler facts, A7): a name
that is taken is looked at, and is a success exactly when it holds what the op would have made.
"""

from __future__ import annotations

from botbottle.errors import Conflict, EngineError, PlanStale, Refused
from botbottle.executor import disk, host
from botbottle.executor.api import Tools
from botbottle.executor.names import Names
from botbottle.model import labels, plan
from botbottle.model.resources import ObservedContainer, ObservedNetwork
from botbottle.model.sidecar_config import fingerprint

_IDENTITY = (labels.HOME, labels.PROJECT, labels.BOTTLE, labels.KIND, labels.SPEC_HASH)

type Labels = tuple[tuple[str, str], ...]


def stop(op: plan.StopContainer, found: plan.Ref, tools: Tools) -> None:
    """Stop it, or kill it at once; a freeze first looks whether there is room for what it keeps."""
    if not op.kill:
        tools.engine.stop(found, op.timeout)
        return
    if op.reason == "frozen":
        disk.check_room(tools.engine, found, op.resource)
    tools.engine.kill(found)


def marked(found: Labels, op: plan.Op, run: str) -> Labels:
    """The labels plus which run and op made the resource."""
    return (*found, (labels.OP_ID, f"{run}/{op.id}" if run else op.id))


def create_network(op: plan.CreateNetwork, tools: Tools, names: Names, run: str) -> None:
    """Create, or find what an earlier attempt created; an internal one must really be sealed."""
    try:
        identity = tools.engine.create_network(op.spec, marked(op.labels, op, run))
    except Conflict:
        found = tools.engine.network(plan.Ref(op.spec.name))
        if found is None or not same(found, op.labels):
            raise
        identity = found.id
    names.learn("network", op.spec.name, identity)
    if op.spec.internal and not tools.engine.network_is_sealed(identity):
        tools.engine.remove_network(plan.Ref(op.spec.name, identity))
        raise Refused(
            "the engine does not seal internal networks (the bridge has a host address)",
            code="BB7013",
            where=op.resource,
            hint="upgrade the Docker Engine, or look at: docker network inspect " + op.spec.name,
        )


def create_container(op: plan.CreateContainer, tools: Tools, names: Names, run: str) -> None:
    """Make what it mounts of the host, then create it, or find what an earlier attempt created."""
    host.make_directories(op.directories, op.spec.user)
    host.make_files(op.files, op.spec.user)
    try:
        identity = tools.engine.create_container(op.spec, op.name, marked(op.labels, op, run))
    except Conflict:
        found = tools.engine.container(plan.Ref(op.name))
        if found is None or not same(found, op.labels):
            raise
        identity = found.id
    names.learn("container", op.name, identity)


def same(found: ObservedContainer | ObservedNetwork, wanted: Labels) -> bool:
    """Whether a resource that holds our name is what this op makes, by owner and spec hash."""
    expected = dict(wanted)
    return all(found.labels.get(k) == expected.get(k) for k in _IDENTITY)


def rename(op: plan.RenameContainer, tools: Tools, names: Names) -> None:
    """Rename; from now on the new name stands for this container."""
    ref = names.container(op.ref)
    tools.engine.rename(ref, op.name)
    if ref.id:
        names.learn("container", op.name, ref.id)


def push_config(op: plan.PushConfig, tools: Tools) -> None:
    """Deliver config and secrets. A value that is not the planned one any more is refused: the
    plan that was approved showed its fingerprint."""
    values: dict[str, str] = {}
    for name, planned in op.secrets:
        value = tools.vault.secret(name)
        if planned and fingerprint(tools.vault.key, value) != planned:
            raise PlanStale(
                f"the value of {name} changed since the plan was made",
                where=op.resource,
                hint="plan again: bb plan",
            )
        values[name] = value
    status = tools.control.configure(op.control, op.config, values, tools.vault.key)
    if status is not None and status.config_hash not in ("", op.config.config_hash):
        raise EngineError(
            "the sidecar reports another configuration than it was given",
            where=op.resource,
            hint="bb logs " + op.bottle,
        )


def register(op: plan.RegisterAccount, tools: Tools) -> None:
    tools.ledger.register(
        op.account, op.scopes, mode=op.mode, count=op.count, agent=op.agent, ancestry=op.ancestry
    )


def record(op: plan.RecordEnforcement, tools: Tools) -> None:
    tools.ledger.enforce(
        op.account,
        op.policy,
        op.trigger,
        before=op.before,
        after=op.after_state,
        lift=op.lift,
        now=tools.clock.now(),
    )
