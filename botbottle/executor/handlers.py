"""One handler for each kind of op: one call, made idempotent, no decisions.

What a call means when the world moved meanwhile is settled here (reconciler facts, A7): a name
that is taken is looked at, and is a success exactly when it holds what the op would have made.
"""

from __future__ import annotations

from typing import assert_never

from botbottle.errors import Conflict, EngineError, PlanStale, Refused
from botbottle.executor import deliver, disk, files, host, ready, snapshots
from botbottle.executor.api import Tools
from botbottle.executor.names import Names
from botbottle.executor.report import progress
from botbottle.model import labels, plan
from botbottle.model.resources import ObservedContainer, ObservedNetwork
from botbottle.model.sidecar_config import fingerprint

_IDENTITY = (labels.HOME, labels.PROJECT, labels.BOTTLE, labels.KIND, labels.SPEC_HASH)

type Labels = tuple[tuple[str, str], ...]


def carry_out(op: plan.Op, tools: Tools, names: Names, run: str) -> None:
    """Do what the op says. Raises BBError; may be called again after a failure."""
    engine, ledger = tools.engine, tools.ledger
    match op:
        case plan.EnsureImage():
            tools.images.ensure(op.recipe, op.tag, progress(op, tools))
        case plan.CreateNetwork():
            create_network(op, tools, names, run)
        case plan.RemoveNetwork():
            engine.remove_network(names.network(op.ref))
        case plan.CreateVolume():
            engine.create_volume(op.spec, marked(op.labels, op, run))
        case plan.RemoveVolume():
            engine.remove_volume(op.name)
        case plan.CreateContainer():
            create_container(op, tools, names, run)
        case plan.StartContainer():
            engine.start(names.container(op.ref))
        case plan.StopContainer():
            if op.kill:
                if op.reason == "frozen":
                    disk.check_room(engine, names.container(op.ref), op.resource)
                engine.kill(names.container(op.ref))
            else:
                engine.stop(names.container(op.ref), op.timeout)
        case plan.PauseContainer():
            engine.pause(names.container(op.ref))
        case plan.UnpauseContainer():
            engine.unpause(names.container(op.ref))
        case plan.RemoveContainer():
            engine.remove_container(names.container(op.ref), kill=op.kill)
        case plan.RenameContainer():
            rename(op, tools, names)
        case plan.UpdateContainer():
            engine.update(names.container(op.ref), op.limits)
        case plan.ConnectNetwork():
            engine.connect(names.container(op.ref), names.network(op.network), op.attachment)
        case plan.DisconnectNetwork():
            engine.disconnect(names.container(op.ref), names.network(op.network))
        case plan.AwaitReady():
            ready.wait(op, names.container(op.ref), tools)
        case plan.PushConfig():
            push_config(op, tools)
        case plan.DeliverEnv():
            deliver.env(op, names.container(op.ref), tools)
        case plan.CopyFiles():
            files.copy(op, names.container(op.ref), tools)
        case plan.CommitImage():
            engine.commit(names.container(op.ref), op.tag, op.labels)
        case plan.SaveVolumes():
            snapshots.save_volumes(op, tools, names)
        case plan.RestoreVolumes():
            snapshots.restore_volumes(op, tools)
        case plan.RemoveImage():
            snapshots.remove_image(op, tools)
        case plan.ForgetSnapshot():
            snapshots.forget(op, tools)
        case plan.RegisterAccount():
            ledger.register(
                op.account,
                op.scopes,
                mode=op.mode,
                count=op.count,
                agent=op.agent,
                ancestry=op.ancestry,
            )
        case plan.RetireAccount():
            ledger.retire(op.account)
        case plan.ChangePolicy():
            detail = f"shutdown {op.before} -> {op.policy}"
            ledger.note_audit("policy", op.account, by="bb", detail=detail)
        case plan.RecordEnforcement():
            record(op, tools)
        case _:
            assert_never(op)


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
            code="BB7010",
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
