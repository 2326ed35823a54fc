"""An engine and a ledger in memory that carry out single ops: pure, for planner tests only."""

from __future__ import annotations

import itertools
from typing import assert_never

from msgspec.structs import replace

from botbottle.budget.precedence import LimitKey
from botbottle.budget.windows import resets_at
from botbottle.model import labels
from botbottle.model.ledger_view import (
    EnforcementRecord,
    LedgerView,
    Pool,
    Registered,
    registration_digest,
)
from botbottle.model.plan import (
    AwaitReady,
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
    Ref,
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
from botbottle.model.resources import (
    Endpoint,
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
    SidecarStatus,
)


class Simulated:
    """What is observed, and what each op makes of it."""

    def __init__(self) -> None:
        self.observed = Observed()
        self.view = LedgerView()
        self._ids = itertools.count(1)
        self._made: dict[str, str] = {}  # containers by the name that a plan gave them, as ids
        self.gone: dict[LimitKey, int] = {}  # what is spent of limits that the ledger has not

    def pool(self, key: LimitKey, tokens: int) -> Pool:
        """A pool as a ledger shows it that has just been given this limit."""
        ends = resets_at(key[2], self.view.now)
        return Pool(*key, tokens, self.gone.get(key, 0), resets_at=ends)

    def container(self, ref: Ref) -> ObservedContainer:
        """As the executor finds it: what a plan has made keeps its id under a new name."""
        identity = ref.id or self._made.get(ref.name, "")
        for c in self.observed.containers:
            if c.id == identity or (not identity and c.name == ref.name):
                return c
        raise LookupError(ref)

    def network(self, ref: Ref) -> ObservedNetwork:
        for n in self.observed.networks:
            if (ref.id and n.id == ref.id) or (not ref.id and n.name == ref.name):
                return n
        raise LookupError(ref)

    def by_kind(self, kind: str) -> list[ObservedContainer]:
        return [c for c in self.observed.containers if c.labels.get(labels.KIND) == kind]

    def set(self, old: ObservedContainer, **changes: object) -> ObservedContainer:
        new = replace(old, **changes)  # type: ignore[arg-type]
        rest = tuple(c for c in self.observed.containers if c.id != old.id)
        self.observed = replace(self.observed, containers=(*rest, new))
        return new

    def endpoint(self, network: ObservedNetwork, container_id: str, present: bool) -> None:
        ends = tuple(e for e in network.endpoints if e != container_id)
        new = replace(network, endpoints=(*ends, container_id) if present else ends)
        rest = tuple(n for n in self.observed.networks if n.id != network.id)
        self.observed = replace(self.observed, networks=(*rest, new))

    def status(self, container_id: str, status: SidecarStatus | None) -> None:
        self.observed = replace(
            self.observed, sidecars={**self.observed.sidecars, container_id: status}
        )

    def apply(self, op: Op) -> None:
        o = self.observed
        match op:
            case EnsureImage():
                image = ObservedImage(f"img{next(self._ids)}", (op.tag,))
                self.observed = replace(o, images=(*o.images, image))
            case CreateNetwork():
                made = ObservedNetwork(
                    f"n{next(self._ids)}",
                    op.spec.name,
                    dict(op.labels),
                    op.spec.internal,
                    (op.spec.subnet,),
                )
                self.observed = replace(o, networks=(*o.networks, made))
            case RemoveNetwork():
                target = self.network(op.ref)
                assert not target.endpoints, "removing a network that is in use"
                self.observed = replace(o, networks=tuple(n for n in o.networks if n is not target))
            case CreateVolume():
                volume = ObservedVolume(op.spec.name, dict(op.labels))
                self.observed = replace(o, volumes=(*o.volumes, volume))
            case RemoveVolume():
                self.observed = replace(o, volumes=tuple(v for v in o.volumes if v.name != op.name))
            case CreateContainer():
                self._create(op)
            case StartContainer():
                self._start(self.container(op.ref))
            case StopContainer():
                self._stop(self.container(op.ref))
            case PauseContainer():
                self.set(self.container(op.ref), state="paused")
            case UnpauseContainer():
                self.set(self.container(op.ref), state="running")
            case RemoveContainer():
                target = self.container(op.ref)
                assert op.kill or target.state not in ("running", "paused"), (
                    "removing a live container"
                )
                self._stop(target)
                self.observed = replace(
                    self.observed,
                    containers=tuple(c for c in self.observed.containers if c.id != target.id),
                )
            case RenameContainer():
                assert all(c.name != op.name for c in o.containers), "name taken"
                self.set(self.container(op.ref), name=op.name)
            case UpdateContainer():
                self.set(self.container(op.ref), limits=op.limits)
            case ConnectNetwork():
                self._connect(
                    self.container(op.ref), self.network(op.network), op.attachment.address
                )
            case DisconnectNetwork():
                c, n = self.container(op.ref), self.network(op.network)
                self.set(c, endpoints=tuple(e for e in c.endpoints if e.network_id != n.id))
                self.endpoint(n, c.id, False)
            case AwaitReady():
                c = self.container(op.ref)
                assert c.state == "running"
                if c.labels[labels.KIND] == "egress" and not self.observed.sidecars.get(c.id):
                    self.status(c.id, SidecarStatus(ready=True, ledger=True, version="0.1.0"))
            case PushConfig():
                self._push(op)
            case RegisterAccount():
                self._register(op)
            case RetireAccount():
                rest = {k: v for k, v in self.view.registered.items() if k != op.account}
                self.view = replace(self.view, registered=rest)
            case RecordEnforcement():
                rows = dict(self.view.enforced)
                rows.pop(op.account, None)
                if not op.lift:
                    rows[op.account] = EnforcementRecord(op.account, op.policy, op.trigger, 0.0)
                self.view = replace(self.view, enforced=rows)
            case CommitImage():
                assert self.container(op.ref).state not in ("running", "paused")
            case SaveVolumes():
                assert self.container(op.ref).state not in ("running", "paused")
            case RestoreVolumes():
                held = {v.name for v in self.observed.volumes}
                assert {m.source for m in op.spec.mounts} <= held, "volumes are made first"
            case DeliverEnv():
                agent = self.container(op.ref)
                assert agent.state == "running"
                for c in self.by_kind("egress"):
                    status = self.observed.sidecars.get(c.id)
                    if status and c.labels[labels.BOTTLE] == op.bottle:
                        mark = f"{agent.id} {agent.started_at}"
                        self.status(c.id, replace(status, env=op.names, env_agent=mark))
            case ForgetSnapshot():
                kept = tuple(f for f in self.view.freezes[op.account] if f.image != op.image)
                self.view = replace(self.view, freezes={**self.view.freezes, op.account: kept})
            case CopyFiles() | RemoveImage():
                pass
            case _:
                assert_never(op)

    def _create(self, op: CreateContainer) -> None:
        assert all(c.name != op.name for c in self.observed.containers), f"name {op.name} taken"
        ends = []
        for attachment in op.spec.networks[:1]:
            n = self.network(Ref(attachment.network))
            ends.append(Endpoint(n.id, n.name, attachment.address))
        made = ObservedContainer(
            f"c{next(self._ids)}",
            op.name,
            "created",
            "img",
            dict(op.labels),
            tuple(ends),
            op.spec.limits,
        )
        self._made[op.name] = made.id
        self.observed = replace(self.observed, containers=(*self.observed.containers, made))

    def _start(self, c: ObservedContainer) -> None:
        assert c.state != "paused", "the engine refuses to start a paused container"
        for end in c.endpoints:
            for other in self.observed.containers:
                clash = (
                    other.id != c.id
                    and other.state == "running"
                    and any(
                        e.network_id == end.network_id and e.address and e.address == end.address
                        for e in other.endpoints
                    )
                )
                assert not clash, "two live copies want one address"
            self.endpoint(self.network(Ref("", end.network_id)), c.id, True)
        self.set(self.container(Ref("", c.id)), state="running")

    def _stop(self, c: ObservedContainer) -> None:
        for n in self.observed.networks:
            if c.id in n.endpoints:
                self.endpoint(n, c.id, False)
        if c.state in ("running", "paused", "restarting"):
            self.set(self.container(Ref("", c.id)), state="exited")
        self.status(c.id, None)

    def _connect(self, c: ObservedContainer, n: ObservedNetwork, address: str) -> None:
        self.set(c, endpoints=(*c.endpoints, Endpoint(n.id, n.name, address)))
        if c.state == "running":
            self.endpoint(n, c.id, True)

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

    def _register(self, op: RegisterAccount) -> None:
        digest = registration_digest(op.scopes, op.mode, op.count, op.agent, op.ancestry)
        before = {(p.scope, p.provider, p.window): p for p in self.view.pools}
        scopes = {scope.key for scope in op.scopes}
        pools = {k: p for k, p in before.items() if p.override or p.scope not in scopes}
        self.gone |= {key: pool.spent for key, pool in before.items()}
        for scope in op.scopes:  # its limits become exactly these; an operator's stay
            for limit in scope.limits:
                key = (scope.key, limit.provider, limit.window)
                pools.setdefault(key, self.pool(key, limit.tokens))
        chain = tuple(replace(scope, limits=()) for scope in op.scopes)
        account = Registered(digest, chain, op.mode, op.count)
        self.view = replace(
            self.view,
            registered={**self.view.registered, op.account: account},
            pools=tuple(sorted(pools.values(), key=lambda p: (p.scope, p.provider, p.window))),
        )
