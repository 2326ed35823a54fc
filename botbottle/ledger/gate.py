"""The gate: check and reserve, follow, settle. Called by the ledger service."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from botbottle import errors
from botbottle.budget import admission, counting, windows
from botbottle.budget.admission import PoolState
from botbottle.ledger import refusals
from botbottle.ledger.governing import Config, Governed
from botbottle.ledger.records import Admitted, Progress, Refusal, Settled
from botbottle.ledger.reservations import Lease
from botbottle.ledger.spending import Spender
from botbottle.model.usage import Exchange, Tokens

LEASE_SECONDS = 120.0  # a reservation whose request shows no life for so long is given back
GROWTH = 2048  # tokens a running request's reservation grows by at once
MAX_IN_FLIGHT = 256  # requests of one account at a time
FORGET_SECONDS = 3600.0  # an expired lease can still be revived by its request until then


class Gate(Governed):
    """See ``api.Gate``."""

    _names: list[str]  # of leases to come

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
                return refusal or refusals.unknown(account)
            pools = self._states(config, provider, now)
            decision = admission.admit(pools, input_tokens, allowance)
            if not decision.admitted and decision.pool is not None:
                if not decision.busy and admission.only_crumbs(decision.pool):
                    self._note_refused(decision.pool, now)
                return refusals.refused(decision.pool, decision.busy, input_tokens, now)
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
        self, config: Config | None, account: str, provider: str, now: float
    ) -> Refusal | None:
        if config is None or config.retired:
            return refusals.unknown(account)
        if config.hold is not None:
            return refusals.held(provider, *config.hold)
        if self.books.leases.in_flight(account, now) >= MAX_IN_FLIGHT:
            return refusals.too_many(provider, MAX_IN_FLIGHT)
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

    def _follow(self, config: Config, lease: Lease, tokens: Tokens, now: float) -> Progress:
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
            booked = 0
            for exchange in exchanges:
                booked += self._book(config.spender, exchange, own, now)
            room, crossed = self._left(config, {e.provider for e in exchanges}, now)
            return Settled(booked, len(exchanges) - booked, room, crossed)

    def release(self, account: str, lease: str) -> None:
        with self.db.write():
            self._config(account)
            self.books.leases.drop(lease, account)

    def forget_leases(self, now: float) -> int:
        """Delete leases that expired long ago. One that would last long was given by a clock that
        has been set back since: it ends as if it were given now."""
        with self.db.write():
            self.books.forget()
            self.db.run(
                "UPDATE reservation SET expires_at = ? WHERE expires_at > ?",
                now + LEASE_SECONDS,
                now + FORGET_SECONDS,
            )
            return self.db.run("DELETE FROM reservation WHERE expires_at < ?", now - FORGET_SECONDS)


def _names() -> list[str]:
    """Names for some leases that nobody can guess: asking for each alone costs more than it."""
    drawn = secrets.token_hex(12 * 64)
    return [drawn[at : at + 24] for at in range(0, len(drawn), 24)]
