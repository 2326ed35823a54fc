"""Accounts: who spends, and from which pools."""

# ruff: noqa: S608  # only constants of this package are put into SQL
from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from botbottle.ledger.base import Part, dump, load
from botbottle.ledger.records import Account
from botbottle.ledger.usage import hour_start
from botbottle.model.bottle import Limit, Scope
from botbottle.model.ledger_view import registration_digest

_SCOPES_OF = "SELECT scope, since FROM account_scope WHERE account = ?"


class Accounts(Part):
    """See ``api.Accounts``."""

    def register(
        self,
        account: str,
        scopes: Sequence[Scope],
        *,
        mode: Literal["nearest", "all"] = "nearest",
        count: Sequence[str] = (),
        agent: str = "",
        ancestry: Sequence[str] = (),
    ) -> None:
        digest = registration_digest(tuple(scopes), mode, tuple(count), agent, tuple(ancestry))
        with self.db.write():
            since = {scope: int(row) for scope, row in self.db.query(_SCOPES_OF, account)}
            moved = since.keys() != {s.key for s in scopes}
            self._note_move(account, agent, dump(list(ancestry)), moved)
            self.db.run(
                "INSERT INTO account (name, project, agent, ancestry, mode, counted,"
                " registration, registered_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET agent = excluded.agent,"
                " ancestry = excluded.ancestry, mode = excluded.mode,"
                " counted = excluded.counted, registration = excluded.registration,"
                " registered_at = excluded.registered_at, retired_at = NULL",
                account,
                account.rpartition("/")[0],
                agent,
                dump(list(ancestry)),
                mode,
                dump(list(count)),
                digest,
                time.time(),
            )
            self.db.run("DELETE FROM account_scope WHERE account = ?", account)
            newest = self._newest_row()
            for position, scope in enumerate(scopes):
                self._declare(account, position, scope, since.get(scope.key, newest))
            self._revise()

    def _note_move(self, account: str, agent: str, ancestry: str, moved: bool) -> None:
        """``check`` must know when a bottle that may have spent changes what it spends from: no
        earlier than the hours that are there, whatever the clock says now."""
        was = self.db.query("SELECT agent, ancestry FROM account WHERE name = ?", account)
        if was and (moved or was != [(agent, ancestry)]):
            self.db.flush()
            newest = self.db.value("SELECT max(hour) FROM rollup")
            at = int(max(time.time(), hour_start(newest) if newest else 0.0))
            sql = "UPDATE counter SET value = ? WHERE name = 'moved' AND value < ?"
            self.db.run(sql, at, at)

    def _declare(self, account: str, position: int, scope: Scope, since: int) -> None:
        """Put a scope in the account's chain; its declared limits become exactly these. What the
        account has spent is in the scope's sums from the row behind ``since`` on."""
        self.db.run(
            "INSERT INTO scope (name, kind) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET kind = excluded.kind",
            scope.key,
            scope.kind,
        )
        self.db.run(
            "INSERT INTO account_scope (account, position, scope, since) VALUES (?, ?, ?, ?)",
            account,
            position,
            scope.key,
            since,
        )
        self.db.run("DELETE FROM budget WHERE scope = ?", scope.key)
        for limit in scope.limits:
            self.db.run(
                "INSERT INTO budget (scope, provider, win, tokens) VALUES (?, ?, ?, ?)",
                scope.key,
                limit.provider,
                limit.window,
                limit.tokens,
            )

    def retire(self, account: str) -> None:
        with self.db.write():
            changed = self.db.run(
                "UPDATE account SET retired_at = ? WHERE name = ? AND retired_at IS NULL",
                time.time(),
                account,
            )
            if changed:
                self.db.run("DELETE FROM reservation WHERE account = ?", account)
                self._revise()

    def accounts(self, *, retired: bool = False) -> tuple[Account, ...]:
        where = "" if retired else " WHERE retired_at IS NULL"
        with self.db.read():
            scopes = self._scopes()
            rows = self.db.query(
                "SELECT name, agent, ancestry, mode, counted, registered_at, retired_at"
                f" FROM account{where} ORDER BY name"
            )
        return tuple(
            Account(n, agent, tuple(load(line)), mode, tuple(load(c)), scopes.get(n, ()), at, end)
            for n, agent, line, mode, c, at, end in rows
        )

    def _scopes(self) -> dict[str, tuple[Scope, ...]]:
        """Chain of scopes of each account with their declared limits."""
        limits: dict[str, tuple[Limit, ...]] = {}
        for key, provider, window, tokens in self.db.query(
            "SELECT scope, provider, win, tokens FROM budget ORDER BY scope, provider, win"
        ):
            limits[key] = (*limits.get(key, ()), Limit(provider, tokens, window))
        chains: dict[str, tuple[Scope, ...]] = {}
        for account, key, kind in self.db.query(
            "SELECT a.account, a.scope, s.kind FROM account_scope a"
            " JOIN scope s ON s.name = a.scope ORDER BY a.account, a.position"
        ):
            scope = Scope(kind, key, limits.get(key, ()))
            chains[account] = (*chains.get(account, ()), scope)
        return chains
