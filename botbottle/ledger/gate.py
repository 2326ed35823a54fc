"""The gate: check and reserve, follow, settle. Called by the ledger service.

What an account may spend from is cached and compared with the ledger's revision inside each
transaction, so a limit, a hold or a retirement counts from the very next request. A pool's
reading is a look-up in the books, or a few indexed rows, however long the history is.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from msgspec import Struct

from botbottle import errors
from botbottle.budget import admission, counting, limits, precedence, windows
from botbottle.budget.admission import PoolState
from botbottle.ledger.base import load
from botbottle.ledger.records import Admitted, Progress, Refusal, RefusalCode, Settled
from botbottle.ledger.reservations import Lease
from botbottle.ledger.spending import Spender, Spending
from botbottle.model.bottle import Policy, Scope, Window
from botbottle.model.usage import Exchange, Tokens

LEASE_SECONDS = 120.0  # a reservation whose request shows no life for so long is given back
GROWTH = 2048  # tokens a running request's reservation grows by at once
MAX_IN_FLIGHT = 256  # requests of one account at a time
PROVIDERS = 64  # whose limits are kept at hand for one account: a sidecar may name any
FORGET_SECONDS = 3600.0  # an expired lease can still be revived by its request until then

type Governing = tuple[tuple[str, Window, int], ...]  # scope, window, limit


class _Config(Struct, frozen=True):
    """One account as the gate sees it."""

    spender: Spender
    scopes: tuple[Scope, ...]  # with operators' limits
    mode: precedence.Mode
    retired: bool
    hold: tuple[Policy, str] | None
    governing: dict[str, Governing]  # by provider, as asked for


class Gate(Spending):
    """See ``api.Gate``."""

    _configs: dict[str, _Config | None]
    _noted: set[tuple[str, str, Window, str, int]]
    _names: list[str]  # of leases to come
    _revision: int = -1

    def admit(
        self,
        account: str,
        provider: str,
        model: str,
        *,
        input_tokens: int,
        allowance: int,
        now: float,
    ) -> Admitted | Refusal:
        with self.db.write():
            config = self._config(account)
            refusal = self._forbidden(config, account, provider, now)
            if config is None or refusal is not None:
                return refusal or _unknown(account)
            pools = self._states(config, provider, now)
            decision = admission.admit(pools, input_tokens, allowance)
            if not decision.admitted and decision.pool is not None:
                if not decision.busy and admission.only_crumbs(decision.pool):
                    self._note_refused(decision.pool, now)
                return _refused(decision.pool, decision.busy, input_tokens, now)
            return self._reserve(config.spender, provider, decision, now)

    def _note_refused(self, pool: PoolState, now: float) -> None:
        """Let the reconciler see it. Written once for each limit and window: a storm of refused
        requests stays free."""
        bucket = windows.bucket(pool.window, now)
        row = (pool.scope, pool.provider, pool.window, bucket, pool.limit)
        if row in self._noted:
            return
        self._noted.add(row)
        self.db.run(
            "INSERT INTO refused (scope, provider, win, bucket, tokens) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (scope, provider, win) DO UPDATE SET"
            " bucket = excluded.bucket, tokens = excluded.tokens",
            *row,
        )

    def _forbidden(
        self, config: _Config | None, account: str, provider: str, now: float
    ) -> Refusal | None:
        if config is None or config.retired:
            return _unknown(account)
        if config.hold is not None:
            policy, reason = config.hold
            text = f"this bottle is held ({policy}): {reason or 'by an operator'}"
            return Refusal("held", text, provider, policy=policy)
        if self.books.leases.in_flight(account, now) >= MAX_IN_FLIGHT:
            text = f"{MAX_IN_FLIGHT} requests are in flight already"
            return Refusal("too-many-in-flight", text, provider, retry_after=5.0)
        return None

    def _reserve(
        self, spender: Spender, provider: str, decision: admission.Decision, now: float
    ) -> Admitted:
        if not self._names:
            self._names = _names()
        identity, until = self._names.pop(), now + LEASE_SECONDS
        lease = Lease(identity, spender.name, provider, decision.reserve, until)
        self.books.leases.put(lease, now)
        pool = decision.pool
        if pool is None:
            return Admitted(lease.id, lease.expires, decision.reserve, count=spender.count)
        return Admitted(
            lease.id,
            lease.expires,
            decision.reserve,
            decision.room,
            pool.scope,
            pool.window,
            pool.limit,
            pool.spent,
            spender.count,
        )

    def progress(self, account: str, lease: str, tokens: Tokens, *, now: float) -> Progress:
        """``tokens`` is all the request has used so far. The reservation grows with it, and is
        renewed; a lease that is not (or no longer) the account's cuts."""
        with self.db.write():
            config = self._config(account)
            known = None if config is None else self.books.leases.get(lease, account)
            if config is None or known is None:
                return Progress(True, 0, "unknown-lease")
            if config.retired or config.hold is not None:
                return Progress(True, 0, "held")
            return self._follow(config, known, tokens, now)

    def _follow(self, config: _Config, lease: Lease, tokens: Tokens, now: float) -> Progress:
        used = counting.counted(tokens, config.spender.count)
        pools = self._states(config, lease.provider, now, lease.id)
        tightest = admission.tightest(pools)
        room = None if tightest is None else tightest.room - used
        grown = lease.amount
        if used >= grown:
            grown = used if room is None else used + max(0, min(GROWTH, room))
        if grown != lease.amount or lease.expires - now < LEASE_SECONDS / 2:
            self.books.leases.change(lease, grown, now + LEASE_SECONDS, now)
        cut = admission.must_cut(pools, used)
        return Progress(cut, room, "budget-exhausted" if cut else "")

    def settle(
        self, account: str, lease: str, exchanges: Sequence[Exchange], *, now: float
    ) -> Settled:
        with self.db.write():
            config = self._config(account)
            if config is None:
                raise errors.Refused(f"unknown account {account!r}", code="BB7301")
            own = bool(lease) and self.books.leases.drop(lease, account)
            booked = sum([self._book(config.spender, e, own, now) for e in exchanges])
            pools = [
                state
                for provider in {e.provider for e in exchanges}
                for state in self._states(config, provider, now)
            ]
            worst = admission.tightest(pools)
            return Settled(
                booked,
                len(exchanges) - booked,
                None if worst is None else worst.room,
                any(p.spent >= p.limit for p in pools),
            )

    def release(self, account: str, lease: str) -> None:
        with self.db.write():
            self._config(account)
            self.books.leases.drop(lease, account)

    def forget_leases(self, now: float) -> int:
        """Delete leases that expired long ago."""
        with self.db.write():
            self.books.forget()
            return self.db.run("DELETE FROM reservation WHERE expires_at < ?", now - FORGET_SECONDS)

    def _states(
        self, config: _Config, provider: str, now: float, lease: str = ""
    ) -> list[PoolState]:
        """The governing pools of one account and provider, without ``lease``'s reservation."""
        governing = config.governing.get(provider)
        if governing is None:
            governing = self._governing(config, provider)
        books = self.books
        books.turn(now)
        ends, reserved = books.ends, books.leases.reserved(now)
        own = books.leases.live(lease) if lease else 0
        states = []
        for scope, window, limit in governing:
            spent = books.spent(scope, provider, window, now)
            if self._resets:
                spent = max(0, spent - self._baseline((scope, provider, window), now))
            held = reserved.get((scope, provider), 0) - own
            states.append(PoolState(scope, provider, window, limit, spent, held, ends[window]))
        return states

    def _governing(self, config: _Config, provider: str) -> Governing:
        """Which pools govern, kept for the next request."""
        pairs = precedence.governing(config.scopes, provider, config.mode)
        found = tuple((scope.key, limit.window, limit.tokens) for scope, limit in pairs)
        if len(config.governing) < PROVIDERS:
            config.governing[provider] = found
        return found

    def _config(self, account: str) -> _Config | None:
        """The account as it is in this transaction."""
        if self._checked != self.db.transactions:
            own = self._checked < 0
            if not self.books.begin() or own:
                self._compare()
            if own:  # it may yet be undone, and its number be somebody else's then
                self._revision = -1
            self._checked = self.db.transactions
        if account not in self._configs:
            self._configs[account] = self._load_config(account)
        return self._configs[account]

    def _compare(self) -> None:
        """Somebody has written (others, or this object itself): was it accounts or limits?"""
        revision = int(self.db.value("SELECT value FROM counter WHERE name = 'revision'"))
        if revision != self._revision:
            self._configs, self._noted, self._revision = {}, set(), revision
            self.books.forget()
            self._load_resets()

    def _load_config(self, account: str) -> _Config | None:
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
        return _Config(spender, scopes, mode, retired is not None, hold, {})


def _names() -> list[str]:
    """Names for some leases that nobody can guess: asking for each alone costs more than it."""
    drawn = secrets.token_hex(12 * 64)
    return [drawn[at : at + 24] for at in range(0, len(drawn), 24)]


def _unknown(account: str) -> Refusal:
    return Refusal("unknown-account", f"the ledger does not know bottle {account!r} (any more)")


def _refused(pool: PoolState, busy: bool, input_tokens: int, now: float) -> Refusal:
    if busy:
        text = "what is left of the budget is reserved by requests in flight"
        return _refusal("budget-reserved", text, pool, 2.0)
    left = max(0, pool.limit - pool.spent)
    text = f"the {pool.provider} budget of {pool.scope} is spent"
    if left:
        text = (
            f"{limits.format_tokens(left)} tokens are left in the {pool.provider} budget of"
            f" {pool.scope}; this request needs about {limits.format_tokens(input_tokens)}"
        )
    return _refusal("budget-exhausted", text, pool, admission.retry_after(pool, now))


def _refusal(code: RefusalCode, text: str, pool: PoolState, retry: float | None) -> Refusal:
    per = f" per {pool.window}" if pool.window else ""
    amounts = f" ({pool.spent} of {pool.limit} tokens{per})"
    return Refusal(
        code,
        text + amounts,
        pool.provider,
        pool.scope,
        pool.window,
        pool.limit,
        pool.spent,
        max(0, pool.room),
        retry,
    )
