"""An engine and a ledger in memory that carry out single ops: pure, for planner tests only."""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from botbottle.model import labels
from botbottle.model.plan import (
    AwaitReady,
    ChangePolicy,
    CommitImage,
    ConnectNetwork,
    CopyFiles,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    DeliverEnv,
    DisconnectNetwork,
    EnsureImage,
    ForgetSnapshot,
    Op,
    PauseContainer,
    PushConfig,
    RecordEnforcement,
    RegisterAccount,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    RestoreVolumes,
    RetireAccount,
    SaveVolumes,
    StartContainer,
    StopContainer,
    UnpauseContainer,
    UpdateContainer,
)  # fmt: skip
from botbottle.model.resources import ObservedContainer, ObservedVolume, SidecarStatus
from tests.support.simulated_engine import SimulatedEngine
from tests.support.simulated_ledger import SimulatedLedger


class Simulated(SimulatedEngine, SimulatedLedger):
    """What each op makes of what is observed."""

    def apply(self, op: Op) -> None:
        o = self.observed
        match op:
            case EnsureImage():
                self.make_image(op.tag)
            case CreateNetwork():
                self.make_network(op)
            case RemoveNetwork():
                self.drop_network(op.ref)
            case CreateVolume():
                volume = ObservedVolume(op.spec.name, dict(op.labels))
                self.observed = replace(o, volumes=(*o.volumes, volume))
            case RemoveVolume():
                self.observed = replace(o, volumes=tuple(v for v in o.volumes if v.name != op.name))
            case CreateContainer():
                self.create(op)
            case StartContainer():
                self.start(self.container(op.ref))
            case StopContainer():
                self.stop(self.container(op.ref))
            case PauseContainer():
                self.set(self.container(op.ref), state="paused")
            case UnpauseContainer():
                self.set(self.container(op.ref), state="running")
            case RemoveContainer():
                self.remove(op)
            case RenameContainer():
                self.rename(op.ref, op.name)
            case UpdateContainer():
                self.set(self.container(op.ref), limits=op.limits)
            case ConnectNetwork():
                container, network = self.container(op.ref), self.network(op.network)
                self.connect(container, network, op.attachment.address)
            case DisconnectNetwork():
                self.disconnect(self.container(op.ref), self.network(op.network))
            case AwaitReady():
                self._answers(self.container(op.ref))
            case PushConfig():
                self._push(op)
            case RegisterAccount():
                self.register(op)
            case RetireAccount():
                self.retire(op.account)
            case ChangePolicy():
                pass  # the applied set keeps it
            case RecordEnforcement():
                self.record(op)
            case CommitImage() | SaveVolumes():
                assert self.container(op.ref).state not in ("running", "paused")
            case RestoreVolumes():
                held = {v.name for v in self.observed.volumes}
                assert {m.source for m in op.spec.mounts} <= held, "volumes are made first"
            case DeliverEnv():
                self._deliver(op)
            case ForgetSnapshot():
                self.forget(op)
            case CopyFiles() | RemoveImage():
                pass
            case _:
                assert_never(op)

    def _answers(self, c: ObservedContainer) -> None:
        assert c.state == "running"
        if c.labels[labels.KIND] == "egress" and not self.observed.sidecars.get(c.id):
            self.status(c.id, SidecarStatus(ready=True, ledger=True, version="0.1.0"))

    def _push(self, op: PushConfig) -> None:
        target = next(
            c
            for c in self.by_kind("egress")
            if c.labels[labels.BOTTLE] == op.bottle and c.state == "running"
        )
        assert self.observed.sidecars.get(target.id), "push to a sidecar that does not answer"
        self.status(
            target.id,
            replace(
                self.observed.sidecars[target.id] or SidecarStatus(),
                config_hash=op.config.config_hash,
                config=op.config,
                secrets=op.secrets,
            ),
        )

    def _deliver(self, op: DeliverEnv) -> None:
        agent = self.container(op.ref)
        assert agent.state == "running"
        for c in self.by_kind("egress"):
            status = self.observed.sidecars.get(c.id)
            if status and c.labels[labels.BOTTLE] == op.bottle:
                mark = f"{agent.id} {agent.started_at}"
                self.status(c.id, replace(status, env=op.names, env_agent=mark))
