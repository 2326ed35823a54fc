"""The plan: what would change, why, in which order, and what it adds to anybody's reach.

``Op`` is a closed union of frozen dataclasses; each maps to one engine, control or ledger call.
An op names containers and networks by ``Ref``: a known id, or the name another op of the same
plan creates. Ops hold no decision beyond their own fields and no secret.
"""

from botbottle.model.plan.base import Base, Ref
from botbottle.model.plan.document import FORMAT_VERSION, Plan
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
from botbottle.model.plan.findings import (
    ALARMS,
    Action,
    BudgetRow,
    Change,
    FieldChange,
    Held,
    Notice,
    Reach,
    ReachChange,
)
from botbottle.model.plan.inner_ops import (
    AwaitReady,
    ChangePolicy,
    CopyFiles,
    DeliverEnv,
    PushConfig,
    RecordEnforcement,
    RegisterAccount,
    RetireAccount,
)
from botbottle.model.plan.ops import Op, op_wire
from botbottle.model.plan.snapshot_ops import (
    CommitImage,
    ForgetSnapshot,
    RestoreVolumes,
    SaveVolumes,
    is_retention,
    kept_of,
)

__all__ = [
    "ALARMS",
    "FORMAT_VERSION",
    "Action",
    "AwaitReady",
    "Base",
    "BudgetRow",
    "Change",
    "ChangePolicy",
    "CommitImage",
    "ConnectNetwork",
    "CopyFiles",
    "CreateContainer",
    "CreateNetwork",
    "CreateVolume",
    "DeliverEnv",
    "DisconnectNetwork",
    "EnsureImage",
    "FieldChange",
    "ForgetSnapshot",
    "Held",
    "Notice",
    "Op",
    "PauseContainer",
    "Plan",
    "PushConfig",
    "Reach",
    "ReachChange",
    "RecordEnforcement",
    "Ref",
    "RegisterAccount",
    "RemoveContainer",
    "RemoveImage",
    "RemoveNetwork",
    "RemoveVolume",
    "RenameContainer",
    "RestoreVolumes",
    "RetireAccount",
    "SaveVolumes",
    "StartContainer",
    "StopContainer",
    "UnpauseContainer",
    "UpdateContainer",
    "is_retention",
    "kept_of",
    "op_wire",
]
