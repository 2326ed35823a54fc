"""Limits, operators' changes to them, and the planner's reading of everything."""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from botbottle.budget import admission, precedence, projection, windows
from botbottle.budget.admission import PoolState
from botbottle.ledger.base import load
from botbottle.ledger.enforcement import enforcement_record
from botbottle.ledger.pools import LimitKey, Pools
from botbottle.ledger.records import LimitRow
from botbottle.model.bottle import Limit, Scope, Window
from botbottle.model.ledger_view import (
    EnforcementRecord,
    FreezeRecord,
    HoldRecord,
    LedgerView,
    Pool,
    Registered,
)

MAX_SKEW = 12 * 3600.0  # seconds that the clocks of two machines may differ by
RECENT_ROWS = 5000  # the burn rate is read from at most so many of the newest rows


class Budgets(Pools):
    """See ``api.Budgets``."""

    def view(self, now: float, limits: Collection[LimitKey] = ()) -> LedgerView:
        with self.db.read():
            pools = self._pools(now)
            return LedgerView(
                now=now,
                version=self.db.version(),
                pools=pools,
                coming=self._coming(limits, pools, now),
                holds=self._holds(),
                enforced=self._enforced(),
                freezes=self._freezes(),
                registered=self._registered(),
                watch_alive=self._watch_alive(now),
            )

    def limits(self, now: float) -> tuple[LimitRow, ...]:
        with self.db.read():
            self._load_resets()
            declared = self._all_declared()
            overrides = self._overrides()
            return tuple(
                LimitRow(*key, declared.get(key), overrides.get(key), self._baseline(key, now))
                for key in sorted({*declared, *overrides})
            )

    def _pools(self, now: float) -> tuple[Pool, ...]:
        burn = self._burn(now)
        return tuple(self._pool(row, burn, now) for row in self.limits(now))

    def _coming(
        self, limits: Collection[LimitKey], pools: Sequence[Pool], now: float
    ) -> tuple[Pool, ...]:
        """What is gone of limits that are none yet: every scope's spending is summed up."""
        known = {(p.scope, p.provider, p.window) for p in pools}
        missing = sorted(key for key in limits if key not in known)
        return tuple(self._pool(LimitRow(*key, None, None, 0), {}, now) for key in missing)

    def account_pools(self, account: str, now: float) -> tuple[Pool, ...]:
        with self.db.read():
            found = self.db.value("SELECT mode FROM account WHERE name = ?", account)
            mode: precedence.Mode = "all" if found == "all" else "nearest"
            overrides = self._overrides()
            self._load_resets()
            scopes = self._effective_scopes(account)
            return tuple(
                self._own_pool(scope.key, limit, overrides, now)
                for provider in precedence.providers(scopes)
                for scope, limit in precedence.governing(scopes, provider, mode)
            )

    def _own_pool(
        self, scope: str, limit: Limit, overrides: dict[LimitKey, int], now: float
    ) -> Pool:
        state = self._state(scope, limit, now)
        return Pool(
            scope=scope,
            provider=limit.provider,
            window=limit.window,
            limit=limit.tokens,
            spent=state.spent,
            reserved=state.reserved,
            resets_at=state.resets_at,
            override=(scope, limit.provider, limit.window) in overrides,
        )

    def _pool(self, row: LimitRow, burn: dict[tuple[str, str], float], now: float) -> Pool:
        state = self._state(row.scope, Limit(row.provider, row.tokens, row.window), now)
        return Pool(
            scope=row.scope,
            provider=row.provider,
            window=row.window,
            limit=row.tokens,
            spent=state.spent,
            reserved=state.reserved,
            burn=burn.get((row.scope, row.provider), 0.0),
            resets_at=state.resets_at,
            override=row.override is not None,
            declared=None if row.override is None else row.declared,
            refused=self._was_refused(state, now),
        )

    def _was_refused(self, state: PoolState, now: float) -> bool:
        """Whether a request did not fit into the crumbs of this very limit and window."""
        if not admission.only_crumbs(state):
            return False
        found = self.db.one(
            "SELECT bucket, tokens FROM refused WHERE scope = ? AND provider = ? AND win = ?",
            state.scope,
            state.provider,
            state.window,
        )
        return found == (windows.bucket(state.window, now), state.limit)

    def _burn(self, now: float) -> dict[tuple[str, str], float]:
        """Tokens per second of each scope and provider, from the newest rows."""
        newest = int(self.db.value("SELECT coalesce(max(id), 0) FROM usage"))
        rows = self.db.query(
            "SELECT s.scope, u.provider, sum(u.counted) FROM usage u"
            " JOIN account_scope s ON s.account = u.account"
            " WHERE u.id > ? AND u.recorded_at > ? GROUP BY s.scope, u.provider",
            newest - RECENT_ROWS,
            now - projection.BURN_SECONDS,
        )
        return {(scope, p): projection.burn_rate(int(n)) for scope, p, n in rows}

    def set_limit(self, scope: str, limit: Limit, *, by: str, reason: str = "") -> None:
        key: LimitKey = (scope, limit.provider, limit.window)
        with self.db.write():
            was = self._in_force(key)
            self.db.run(
                "INSERT INTO budget_override (scope, provider, win, tokens) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (scope, provider, win) DO UPDATE SET tokens = excluded.tokens",
                *key,
                limit.tokens,
            )
            self._changed("limit", key, by, was, str(limit.tokens), reason)

    def clear_limit(
        self, scope: str, provider: str, window: Window, *, by: str, reason: str = ""
    ) -> bool:
        key: LimitKey = (scope, provider, window)
        with self.db.write():
            was = self._in_force(key)
            sql = "DELETE FROM budget_override WHERE scope = ? AND provider = ? AND win = ?"
            if not self.db.run(sql, *key):
                return False
            self._changed("limit", key, by, was, self._in_force(key), reason)
            return True

    def reset(
        self, scope: str, provider: str, window: Window, *, by: str, now: float, reason: str = ""
    ) -> int:
        key: LimitKey = (scope, provider, window)
        with self.db.write():
            self._load_resets()
            newest = self._newest_row()
            now = self._not_before(newest, now)
            gross = self._gross(*key, now)
            spent = max(0, gross - self._baseline(key, now))
            self.db.run(
                "INSERT INTO budget_reset (scope, provider, win, bucket, baseline, at, newest)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (scope, provider, win) DO UPDATE SET"
                " bucket = excluded.bucket, baseline = excluded.baseline, at = excluded.at,"
                " newest = excluded.newest",
                *key,
                windows.bucket(window, now),
                gross,
                now,
                newest,
            )
            self.db.run("DELETE FROM refused WHERE scope = ? AND provider = ? AND win = ?", *key)
            self._changed("reset", key, by, str(spent), "0", reason)
            return spent

    def _not_before(self, row: int, now: float) -> float:
        """A reset whose own clock is behind, or that waited for the lock, is not earlier than the
        newest row. A row that is far ahead is of a clock that has been set right since."""
        booked = float(self.db.value("SELECT recorded_at FROM usage WHERE id = ?", row) or 0.0)
        return booked if now < booked <= now + MAX_SKEW else now

    def _changed(
        self, action: str, key: LimitKey, by: str, was: str, became: str, reason: str
    ) -> None:
        scope, provider, window = key
        source = f"{provider}/{window}" if window else provider
        self._audit(
            action,
            scope,
            at=time.time(),
            by=by,
            source=source,
            was=was,
            became=became,
            detail=reason,
        )
        self._revise()

    def _in_force(self, key: LimitKey) -> str:
        """The present limit as text; ``none`` when there is none."""
        for table in ("budget_override", "budget"):
            tokens = self.db.value(
                f"SELECT tokens FROM {table} WHERE scope = ? AND provider = ? AND win = ?", *key
            )
            if tokens is not None:
                return str(tokens)
        return "none"

    def _all_declared(self) -> dict[LimitKey, int]:
        """Declared limits of the scopes that some live account is in."""
        rows = self.db.query(
            "SELECT scope, provider, win, tokens FROM budget WHERE scope IN"
            " (SELECT s.scope FROM account_scope s JOIN account a ON a.name = s.account"
            " WHERE a.retired_at IS NULL)"
        )
        return {(s, p, w): int(n) for s, p, w, n in rows}

    def _holds(self) -> dict[str, HoldRecord]:
        rows = self.db.query(
            "SELECT account, policy, source, reason, id, at, by_whom FROM hold ORDER BY account"
        )
        return {row[0]: HoldRecord(*row) for row in rows}

    def _enforced(self) -> dict[str, EnforcementRecord]:
        rows = self.db.query("SELECT account, policy, source, at FROM enforcement")
        return {row[0]: enforcement_record(*row) for row in rows}

    def _freezes(self) -> dict[str, tuple[FreezeRecord, ...]]:
        rows = self.db.query(
            "SELECT account, image, manifest_digest, at FROM snapshot ORDER BY at DESC, image"
        )
        found: dict[str, list[FreezeRecord]] = {}
        for row in rows:
            found.setdefault(row[0], []).append(FreezeRecord(*row))
        return {account: tuple(listed) for account, listed in found.items()}

    def _registered(self) -> dict[str, Registered]:
        chains: dict[str, list[Scope]] = {}
        scopes: dict[str, Scope] = {}  # most are shared by many
        for account, key, kind in self.db.query(
            "SELECT a.account, a.scope, s.kind FROM account_scope a"
            " JOIN scope s ON s.name = a.scope ORDER BY a.account, a.position"
        ):
            scope = scopes.get(key) or scopes.setdefault(key, Scope(kind, key))
            chains.setdefault(account, []).append(scope)
        rows = self.db.query(
            "SELECT name, registration, mode, counted FROM account WHERE retired_at IS NULL"
        )
        return {
            name: Registered(digest, tuple(chains.get(name, ())), mode, tuple(load(count)))
            for name, digest, mode, count in rows
        }

    def _watch_alive(self, now: float) -> bool:
        sql = "SELECT count(*) FROM lease WHERE name LIKE 'watch%' AND expires > ?"
        return bool(self.db.value(sql, now))
