"""The closed union of ops, and an op as plain data."""

from __future__ import annotations

from typing import Any

from botbottle.model import canonical
from botbottle.model.plan import engine_ops as engine
from botbottle.model.plan import inner_ops as inner
from botbottle.model.plan import snapshot_ops as snapshot

type Op = (
    engine.EnsureImage | engine.CreateNetwork | engine.RemoveNetwork | engine.CreateVolume
    | engine.RemoveVolume | engine.CreateContainer | engine.StartContainer | engine.StopContainer
    | engine.PauseContainer | engine.UnpauseContainer | engine.RemoveContainer
    | engine.RenameContainer | engine.UpdateContainer | engine.ConnectNetwork
    | engine.DisconnectNetwork | inner.AwaitReady | inner.PushConfig | inner.DeliverEnv
    | inner.CopyFiles | snapshot.CommitImage | snapshot.SaveVolumes | snapshot.RestoreVolumes
    | engine.RemoveImage | snapshot.ForgetSnapshot | inner.RegisterAccount | inner.RetireAccount
    | inner.ChangePolicy | inner.RecordEnforcement
)  # fmt: skip


def op_wire(op: Op) -> dict[str, Any]:
    """An op as plain data with its class name under ``op``."""
    data: dict[str, Any] = canonical.plain(op)
    if isinstance(op, inner.PushConfig):
        data["config"] = op.config.to_wire()
    return {"op": type(op).__name__, **data}
