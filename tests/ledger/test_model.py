"""The ledger against a brute-force model that keeps a list of everything and adds it up anew."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from botbottle.budget import windows
from botbottle.ledger.gate import LEASE_SECONDS
from botbottle.ledger.opening import open_ledger
from botbottle.ledger.records import Admitted
from botbottle.model.bottle import WINDOWS, Limit, Scope
from tests.ledger.worlds import exchange

ACCOUNTS = ("p/web", "p/api", "q/web")
PROVIDERS = ("claude", "codex")
START = 1_795_000_000.0


def chain(account: str) -> tuple[str, ...]:
    """web's bottle extends base, api uses base directly; both are in global."""
    own = () if account == "p/api" else ("bottle:dev",)
    return (f"agent:{account}", *own, "bottle:base", "global")


@dataclass
class Model:
    """Everything that ever happened, in lists."""

    usage: list[tuple[str, str, int, float]] = field(default_factory=list)
    leases: dict[str, tuple[str, str, int, float]] = field(default_factory=dict)
    declared: dict[tuple[str, str, str], int] = field(default_factory=dict)
    overrides: dict[tuple[str, str, str], int] = field(default_factory=dict)
    resets: dict[tuple[str, str, str], float] = field(default_factory=dict)
    forgiven: dict[tuple[str, str, str], int] = field(default_factory=dict)
    modes: dict[str, str] = field(default_factory=dict)

    def gross(self, scope, provider, window, now):
        span = windows.bounds(window, now) or (0.0, float("inf"))
        return sum(
            tokens
            for account, p, tokens, at in self.usage
            if p == provider and scope in chain(account) and span[0] <= at < span[1]
        )

    def spent(self, key, now):
        gross = self.gross(*key, now)
        at = self.resets.get(key)
        if at is None or windows.bucket(key[2], at) != windows.bucket(key[2], now):
            return gross
        return max(0, gross - self.forgiven[key])

    def reserved(self, scope, provider, now):
        return sum(
            amount
            for account, p, amount, expires in self.leases.values()
            if p == provider and scope in chain(account) and expires > now
        )

    def governing(self, account, provider):
        limits = {**self.declared, **self.overrides}
        found = []
        for scope in chain(account):
            here = [(k, n) for k, n in limits.items() if k[0] == scope and k[1] == provider]
            if here and not (self.modes[account] == "nearest" and found):
                found += here
        return found

    def rooms(self, account, provider, now):
        return [
            limit - self.spent(key, now) - self.reserved(key[0], provider, now)
            for key, limit in self.governing(account, provider)
        ]


class Run:
    """One random history, played on both."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.model, self.ledger, self.now = Model(), open_ledger(":memory:"), START
        for account in ACCOUNTS:
            self.register(account)

    def limits(self, scope):
        rng = self.rng
        keys = {
            (scope, rng.choice(PROVIDERS), rng.choice(WINDOWS))
            for _ in range(rng.choice([0, 0, 1, 2]))
        }
        return {key: rng.randrange(500, 20_000) for key in keys}

    def register(self, account=None):
        account = account or self.rng.choice(ACCOUNTS)
        scopes = []
        for key in chain(account):
            declared = self.limits(key)
            for old in [k for k in self.model.declared if k[0] == key]:
                del self.model.declared[old]
            self.model.declared |= declared
            own = tuple(Limit(p, n, w) for (_, p, w), n in declared.items())
            scopes.append(Scope("bottle", key, own))
        self.model.modes[account] = self.rng.choice(["nearest", "all"])
        self.ledger.register(account, scopes, mode=self.model.modes[account])

    def spend(self):
        account, provider = self.rng.choice(ACCOUNTS), self.rng.choice(PROVIDERS)
        tokens = self.rng.randrange(1, 2000)
        lease = self.rng.choice(["", *self.model.leases])
        if lease and self.model.leases[lease][0] != account:
            lease = ""
        self.model.leases.pop(lease, None)
        self.model.usage.append((account, provider, tokens, self.now))
        e = exchange(tokens, prompt=0, provider=provider)
        settled = self.ledger.settle(account, lease, [e], now=self.now)
        rooms = self.model.rooms(account, provider, self.now)
        assert settled.room == (min(rooms) if rooms else None)

    def admit(self):
        account, provider = self.rng.choice(ACCOUNTS), self.rng.choice(PROVIDERS)
        prompt, output = self.rng.randrange(0, 1500), self.rng.randrange(1, 3000)
        rooms = self.model.rooms(account, provider, self.now)
        answer = self.ledger.admit(
            account, provider, "m", input_tokens=prompt, allowance=output, now=self.now
        )
        assert isinstance(answer, Admitted) == all(r > prompt for r in rooms), (answer, rooms)
        if isinstance(answer, Admitted):
            assert answer.reserved == min([prompt + output, *rooms])
            assert answer.room == (min(rooms) - answer.reserved if rooms else None)
            expires = self.now + LEASE_SECONDS
            self.model.leases[answer.lease] = (account, provider, answer.reserved, expires)

    def release(self):
        if self.model.leases:
            lease = self.rng.choice(list(self.model.leases))
            self.ledger.release(self.model.leases.pop(lease)[0], lease)

    def set_limit(self):
        key = (self.rng.choice(chain(self.rng.choice(ACCOUNTS))), self.rng.choice(PROVIDERS),
               self.rng.choice(WINDOWS))  # fmt: skip
        if key in self.model.overrides and self.rng.random() < 0.5:
            del self.model.overrides[key]
            assert self.ledger.clear_limit(*key, by="t")
            return
        self.model.overrides[key] = self.rng.randrange(500, 20_000)
        self.ledger.set_limit(key[0], Limit(key[1], self.model.overrides[key], key[2]), by="t")

    def reset(self):
        key = (self.rng.choice(chain(self.rng.choice(ACCOUNTS))), self.rng.choice(PROVIDERS),
               self.rng.choice(WINDOWS))  # fmt: skip
        forgiven = self.ledger.reset(*key, by="t", now=self.now)
        assert forgiven == self.model.spent(key, self.now)
        self.model.forgiven[key] = self.model.gross(*key, self.now)
        self.model.resets[key] = self.now

    def wait(self):
        self.now += self.rng.choice([1, 30, 130, 1800, 3600, 50_000, 400_000])

    def compare(self):
        pools = {(p.scope, p.provider, p.window): p for p in self.ledger.view(self.now).pools}
        expected = {**self.model.declared, **self.model.overrides}
        assert {k: p.limit for k, p in pools.items()} == expected
        for key, found in pools.items():
            assert found.spent == self.model.spent(key, self.now), key
            assert found.reserved == self.model.reserved(key[0], key[1], self.now), key


@pytest.mark.parametrize("seed", range(25))
def test_every_answer_agrees_with_adding_everything_up_anew(seed):
    run = Run(seed)
    moves = [run.spend, run.spend, run.admit, run.admit, run.admit, run.release, run.wait,
             run.set_limit, run.reset, run.register]  # fmt: skip
    for _ in range(150):
        run.rng.choice(moves)()
        run.compare()
    assert run.ledger.check().problems == ()
