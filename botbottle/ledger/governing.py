"""What governs an account: its limits, its hold, and how its pools stand.

What an account may spend from is cached and compared with the ledger's revision inside each
transaction, so a limit, a hold or a retirement counts from the very next request. A pool's
reading is a look-up in the books, or a few indexed rows, however long the history is.
"""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Struct

from botbottle.budget import precedence
from botbottle.budget.admission import PoolState
from botbottle.ledger.base import load
from botbottle.ledger.books import Pool
from botbottle.ledger.spending import PROVIDERS, Spender, Spending
from botbottle.model.bottle import Policy, Scope, Window

type Governing = tuple[tuple[Pool, Window, int], ...]  # with its limit


class Config(Struct, frozen=True):
    """One account as the gate sees it."""

    spender: Spender
    scopes: tuple[Scope, ...]  # with operators' limits
    mode: precedence.Mode
    retired: bool
    hold: tuple[Policy, str] | None
    governing: dict[str, Governing]  # by provider, as asked for


class Governed(Spending):
    """What the gate knows of accounts; the caller holds a write transaction."""

    _configs: dict[str, Config | None]
    _noted: set[tuple[str, str, Window, str, int]]  # refusals of pools that are written

    def _states(
        self, config: Config, provider: str, now: float, lease: str = ""
    ) -> list[PoolState]:
        """The governing pools of one account and provider, without ``lease``'s reservation."""
        self.books.turn(now)
        ends, reserved = self.books.ends, self.books.leases.reserved(now)
        own = self.books.leases.live(lease) if lease else 0
        states = []
        for pool, window, limit in self._governing(config, provider):
            spent = self._spent(pool, window, now)
            held = reserved.get(pool, 0) - own
            states.append(PoolState(pool[0], provider, window, limit, spent, held, ends[window]))
        return states

    def _left(
        self, config: Config, providers: Collection[str], now: float
    ) -> tuple[int | None, bool]:
        """Room in the tightest pool of all that govern (None: none does), and whether one of them
        is spent."""
        self.books.turn(now)
        reserved, room, crossed = self.books.leases.reserved(now), None, False
        for provider in providers:
            for pool, window, limit in self._governing(config, provider):
                left = limit - self._spent(pool, window, now)
                crossed = crossed or left <= 0
                left -= reserved.get(pool, 0)
                room = left if room is None or left < room else room
        return room, crossed

    def _spent(self, pool: Pool, window: Window, now: float) -> int:
        """What counts as spent: without what was forgiven."""
        spent = self.books.spent(pool, window, now)
        if self._resets:
            spent = max(0, spent - self._baseline((*pool, window), now))
        return spent

    def _governing(self, config: Config, provider: str) -> Governing:
        """Which pools govern, kept for the next request."""
        kept = config.governing.get(provider)
        if kept is not None:
            return kept
        pairs = precedence.governing(config.scopes, provider, config.mode)
        found = tuple(((s.key, provider), limit.window, limit.tokens) for s, limit in pairs)
        if len(config.governing) < PROVIDERS:
            config.governing[provider] = found
        return found

    def _config(self, account: str) -> Config | None:
        """The account as it is in this transaction."""
        if self._checked != self.db.transactions:
            own = self._checked < 0
            if own:  # what was read of it may have been undone since
                self._revision = -1
            if not self.books.begin():
                self._noted = set()  # this, too, if it was written in a transaction of our own
                self._compare()
            elif self._revision < 0:
                self._compare()
            if own:  # it may yet be undone, and its number be somebody else's then
                self._revision = -1
            self._checked = self.db.transactions
        configs = self._configs
        if account not in configs:
            configs[account] = self._load_config(account)
        return configs[account]

    def _compare(self) -> None:
        """Somebody has written (others, or this object itself): was it accounts or limits?"""
        revision = int(self.db.value("SELECT value FROM counter WHERE name = 'revision'"))
        if revision != self._revision:
            self._configs, self._noted, self._revision = {}, set(), revision
            self.books.forget()
            self._load_resets()

    def _load_config(self, account: str) -> Config | None:
        row = self.db.one(
            "SELECT agent, ancestry, mode, counted, retired_at FROM account WHERE name = ?", account
        )
        if row is None:
            return None
        agent, ancestry, mode, counted, retired = row
        scopes = self._effective_scopes(account)
        keys = [s.key for s in scopes]
        spender = Spender(account, agent, load(ancestry), tuple(load(counted)), keys)
        held = self.db.one("SELECT policy, reason FROM hold WHERE account = ?", account)
        hold = None if held is None else (held[0], held[1])
        return Config(spender, scopes, mode, retired is not None, hold, {})
