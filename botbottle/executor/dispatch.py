"""Which call carries out which op: by what it acts on, so that each list stays readable.

Every op is in exactly one list; the type checker refuses one that is in none.
"""

from __future__ import annotations

from typing import assert_never

from botbottle.executor import deliver, files, handlers, ready, snapshots
from botbottle.executor.api import Tools
from botbottle.executor.names import Names
from botbottle.executor.report import progress
from botbottle.model import plan

Making = (
    plan.EnsureImage | plan.RemoveImage | plan.CreateNetwork | plan.RemoveNetwork
    | plan.CreateVolume | plan.RemoveVolume | plan.CreateContainer | plan.RemoveContainer
)  # fmt: skip
Moving = (
    plan.StartContainer | plan.StopContainer | plan.PauseContainer | plan.UnpauseContainer
    | plan.RenameContainer | plan.UpdateContainer | plan.ConnectNetwork | plan.DisconnectNetwork
)  # fmt: skip
Filling = (
    plan.AwaitReady | plan.PushConfig | plan.DeliverEnv | plan.CopyFiles | plan.CommitImage
    | plan.SaveVolumes | plan.RestoreVolumes | plan.ForgetSnapshot
)  # fmt: skip
Recording = (
    plan.RegisterAccount | plan.RetireAccount | plan.ChangePolicy | plan.RecordEnforcement
)  # fmt: skip


def carry_out(op: plan.Op, tools: Tools, names: Names, run: str) -> None:
    """Do what the op says. Raises BBError; may be called again after a failure."""
    if isinstance(op, Making):
        _make(op, tools, names, run)
    elif isinstance(op, Moving):
        _move(op, tools, names)
    elif isinstance(op, Filling):
        _fill(op, tools, names)
    else:
        _record(op, tools)


def _make(op: Making, tools: Tools, names: Names, run: str) -> None:
    """Resources of the engine come and go."""
    engine = tools.engine
    match op:
        case plan.EnsureImage():
            tools.images.ensure(op.recipe, op.tag, progress(op, tools))
        case plan.RemoveImage():
            snapshots.remove_image(op, tools)
        case plan.CreateNetwork():
            handlers.create_network(op, tools, names, run)
        case plan.RemoveNetwork():
            engine.remove_network(names.network(op.ref))
        case plan.CreateVolume():
            engine.create_volume(op.spec, handlers.marked(op.labels, op, run))
        case plan.RemoveVolume():
            engine.remove_volume(op.name)
        case plan.CreateContainer():
            handlers.create_container(op, tools, names, run)
        case plan.RemoveContainer():
            engine.remove_container(names.container(op.ref), kill=op.kill)
        case _:
            assert_never(op)


def _move(op: Moving, tools: Tools, names: Names) -> None:
    """A container that is there gets another state."""
    engine, found = tools.engine, names.container(op.ref)
    match op:
        case plan.StartContainer():
            engine.start(found)
        case plan.StopContainer():
            handlers.stop(op, found, tools)
        case plan.PauseContainer():
            engine.pause(found)
        case plan.UnpauseContainer():
            engine.unpause(found)
        case plan.RenameContainer():
            handlers.rename(op, tools, names)
        case plan.UpdateContainer():
            engine.update(found, op.limits)
        case plan.ConnectNetwork():
            engine.connect(found, names.network(op.network), op.attachment)
        case plan.DisconnectNetwork():
            engine.disconnect(found, names.network(op.network))
        case _:
            assert_never(op)


def _fill(op: Filling, tools: Tools, names: Names) -> None:
    """What is in a container or volume is put there, kept, or waited for."""
    match op:
        case plan.AwaitReady():
            ready.wait(op, names.container(op.ref), tools)
        case plan.PushConfig():
            handlers.push_config(op, tools)
        case plan.DeliverEnv():
            deliver.env(op, names.container(op.ref), tools)
        case plan.CopyFiles():
            files.copy(op, names.container(op.ref), tools)
        case plan.CommitImage():
            tools.engine.commit(names.container(op.ref), op.tag, op.labels)
        case plan.SaveVolumes():
            snapshots.save_volumes(op, tools, names)
        case plan.RestoreVolumes():
            snapshots.restore_volumes(op, tools)
        case plan.ForgetSnapshot():
            snapshots.forget(op, tools)
        case _:
            assert_never(op)


def _record(op: Recording, tools: Tools) -> None:
    """The ledger keeps it."""
    match op:
        case plan.RegisterAccount():
            handlers.register(op, tools)
        case plan.RetireAccount():
            tools.ledger.retire(op.account)
        case plan.ChangePolicy():
            detail = f"shutdown {op.before} -> {op.policy}"
            tools.ledger.note_audit("policy", op.account, by="bb", detail=detail)
        case plan.RecordEnforcement():
            handlers.record(op, tools)
        case _:
            assert_never(op)
