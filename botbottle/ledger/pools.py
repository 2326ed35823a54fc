"""Reading pools: what is spent, reserved and forgiven of one limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from botbottle.budget import precedence, windows
from botbottle.budget.admission import PoolState
from botbottle.ledger.base import Part
from botbottle.ledger.corrections import Earlier
from botbottle.ledger.sums import gross
from botbottle.model.bottle import Limit, Scope, Window

type LimitKey = tuple[str, str, Window]

_RESERVED = (
    "SELECT coalesce(sum(r.amount), 0) FROM reservation r"
    " JOIN account_scope s ON s.account = r.account AND s.scope = ?"
    " WHERE r.provider = ? AND r.expires_at > ?"
)


_FORGIVE_LESS = (
    "UPDATE budget_reset SET baseline = baseline - ? WHERE scope = ? AND provider = ? AND win = ?"
)


class Pools(Part):
    """Pool readings; the caller holds a transaction."""

    _resets: dict[LimitKey, tuple[str, int, int]]  # bucket, tokens forgiven, newest row

    def _state(self, scope: str, limit: Limit, now: float) -> PoolState:
        """One pool, read from the database."""
        reserved = self.db.value(_RESERVED, scope, limit.provider, now)
        spent = self._gross(scope, limit.provider, limit.window, now)
        return PoolState(
            scope,
            limit.provider,
            limit.window,
            limit.tokens,
            max(0, spent - self._baseline((scope, limit.provider, limit.window), now)),
            int(reserved),
            windows.resets_at(limit.window, now),
        )

    def _gross(self, scope: str, provider: str, window: Window, now: float) -> int:
        """Everything booked in the current window, resets ignored."""
        self.db.flush()
        return gross(self.db, scope, provider, window, now)

    def _baseline(self, key: LimitKey, now: float) -> int:
        """Tokens that a reset has forgiven in the current window."""
        bucket, baseline, _ = self._resets.get(key, ("", 0, 0))
        return baseline if bucket == windows.bucket(key[2], now) else 0

    def _load_resets(self) -> None:
        rows = self.db.query(
            "SELECT scope, provider, win, bucket, baseline, newest FROM budget_reset"
        )
        self._resets = {(s, p, w): (bucket, int(n), int(i)) for s, p, w, bucket, n, i in rows}

    def _forgive_less(
        self, since: Mapping[str, int], provider: str, rows: Sequence[Earlier], counted: int
    ) -> None:
        """``rows`` became ``counted`` tokens in all, in the scopes that the bottle has been in
        ``since`` a row. As far as they were forgiven, they were never spent: forgiven with them
        would be what was spent since. Clocks of several machines decide nothing here."""
        changed = False
        for key, (bucket, baseline, newest) in self._resets.items():
            scope, limited, window = key
            if limited != provider or scope not in since:
                continue
            own = [r for r in rows if since[scope] < r.id <= newest]
            own = [r for r in own if windows.bucket(window, r.recorded_at) == bucket]
            less = min(baseline, sum(r.counted for r in own) - counted)
            if less > 0:
                self.db.run(_FORGIVE_LESS, less, *key)
                changed = True
        if changed:
            self._load_resets()
            self._revise()

    def _overrides(self) -> dict[LimitKey, int]:
        rows = self.db.query("SELECT scope, provider, win, tokens FROM budget_override")
        return {(s, p, w): int(n) for s, p, w, n in rows}

    def _effective_scopes(self, account: str) -> tuple[Scope, ...]:
        """The account's chain with limits in force, most specific first."""
        chain = self.db.query(
            "SELECT a.scope, s.kind FROM account_scope a JOIN scope s ON s.name = a.scope"
            " WHERE a.account = ? ORDER BY a.position",
            account,
        )
        scopes = [Scope(kind, key, self._declared(key)) for key, kind in chain]
        return precedence.with_overrides(scopes, self._overrides())

    def _declared(self, scope: str) -> tuple[Limit, ...]:
        rows = self.db.query(
            "SELECT provider, win, tokens FROM budget WHERE scope = ? ORDER BY provider, win", scope
        )
        return tuple(Limit(p, int(n), w) for p, w, n in rows)
