"""A ledger in memory: accounts, their limits, and what was recorded of enforcement."""

from __future__ import annotations

from msgspec.structs import replace

from botbottle.budget.precedence import LimitKey
from botbottle.budget.windows import resets_at
from botbottle.model.ledger_view import (
    EnforcementRecord,
    LedgerView,
    Pool,
    Registered,
    registration_digest,
)
from botbottle.model.plan import ForgetSnapshot, RecordEnforcement, RegisterAccount


class SimulatedLedger:
    def __init__(self) -> None:
        super().__init__()
        self.view = LedgerView()
        self.gone: dict[LimitKey, int] = {}  # what is spent of limits that the ledger has not

    def pool(self, key: LimitKey, tokens: int) -> Pool:
        """A pool as a ledger shows it that has just been given this limit."""
        ends = resets_at(key[2], self.view.now)
        return Pool(*key, tokens, self.gone.get(key, 0), resets_at=ends)

    def register(self, op: RegisterAccount) -> None:
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

    def retire(self, account: str) -> None:
        rest = {k: v for k, v in self.view.registered.items() if k != account}
        self.view = replace(self.view, registered=rest)

    def record(self, op: RecordEnforcement) -> None:
        rows = dict(self.view.enforced)
        rows.pop(op.account, None)
        if not op.lift:
            rows[op.account] = EnforcementRecord(op.account, op.policy, op.trigger, 0.0)
        self.view = replace(self.view, enforced=rows)

    def forget(self, op: ForgetSnapshot) -> None:
        kept = tuple(f for f in self.view.freezes[op.account] if f.image != op.image)
        self.view = replace(self.view, freezes={**self.view.freezes, op.account: kept})
