"""The closed union of ops, and an op as plain data."""

from __future__ import annotations

from typing import Any

from botbottle.model import canonical
from botbottle.model.plan.engine_ops import (
    ConnectNetwork,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DisconnectNetwork,
    EnsureImage,
    PauseContainer,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    StartContainer,
    StopContainer,
    UnpauseContainer,
    UpdateContainer,
)
from botbottle.model.plan.inner_ops import (
    AwaitReady,
    CopyFiles,
    DeliverEnv,
    PushConfig,
    RecordEnforcement,
    RegisterAccount,
    RetireAccount,
)
from botbottle.model.plan.snapshot_ops import (
    CommitImage,
    ForgetSnapshot,
    RestoreVolumes,
    SaveVolumes,
)

type Op = (
    EnsureImage | CreateNetwork | RemoveNetwork | CreateVolume | RemoveVolume | CreateContainer
    | StartContainer
    | StopContainer | PauseContainer | UnpauseContainer | RemoveContainer | RenameContainer
    | UpdateContainer | ConnectNetwork | DisconnectNetwork | AwaitReady | PushConfig
    | DeliverEnv | CopyFiles | CommitImage | SaveVolumes | RestoreVolumes | RemoveImage
    | ForgetSnapshot | RegisterAccount | RetireAccount | RecordEnforcement
)  # fmt: skip


def op_wire(op: Op) -> dict[str, Any]:
    """An op as plain data with its class name under ``op``."""
    data: dict[str, Any] = canonical.plain(op)
    if isinstance(op, PushConfig):
        data["config"] = op.config.to_wire()
    return {"op": type(op).__name__, **data}
