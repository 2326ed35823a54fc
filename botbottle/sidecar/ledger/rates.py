"""How much one account may ask: a compromised sidecar can starve nobody and fill no disk."""

from __future__ import annotations

from msgspec import Struct

AGAIN_SECONDS = 60.0  # until the same thing is told of again
MOST_WARNED = 256


class Rates(Struct, frozen=True):
    """Sustained rate for each second and burst, for one account."""

    requests: tuple[float, float] = (2000.0, 8000.0)
    octets: tuple[float, float] = (2e6, 16e6)  # of frames, whatever they say
    rows: tuple[float, float] = (1000.0, 20_000.0)  # exchanges stored
    kept: tuple[float, float] = (10.0, 300_000.0)  # the same, for as long as a flood may last
    heartbeats: tuple[float, float] = (1.0, 20.0)
    events: tuple[float, float] = (20.0, 200.0)
    proposals: tuple[float, float] = (0.5, 20.0)
    readings: tuple[float, float] = (5.0, 50.0)  # of budgets: they cost more than a request
    connections: int = 16
    providers: int = 64  # names of them: each has rows of its own in all sums, for ever
    pending_proposals: int = 20


class Bucket:
    """A token bucket; starts full. Clock in seconds, monotonic."""

    __slots__ = ("at", "burst", "level", "rate")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst, self.level, self.at = rate, burst, burst, 0.0

    def take(self, amount: float, now: float) -> bool:
        """Whether ``amount`` was there; nothing is taken when not."""
        level = self.level + (now - self.at) * self.rate
        if level > self.burst:
            level = self.burst
        self.at = now
        taken = amount <= level
        self.level = level - amount if taken else level
        return taken


class Allowance:
    """The buckets of one account."""

    def __init__(self, rates: Rates) -> None:
        self.requests = Bucket(*rates.requests)
        self.octets = Bucket(*rates.octets)
        self.rows = Bucket(*rates.rows)
        self.kept = Bucket(*rates.kept)
        self.heartbeats = Bucket(*rates.heartbeats)
        self.events = Bucket(*rates.events)
        self.proposals = Bucket(*rates.proposals)
        self.readings = Bucket(*rates.readings)
        self.alarms = Bucket(1.0, 30.0)
        self._warned: dict[str, float] = {}
        self._named: set[str] = set()
        self._most_named = rates.providers

    def warns(self, what: str, now: float) -> bool:
        """Whether to tell of ``what``: each thing once in AGAIN_SECONDS."""
        if now - self._warned.get(what, -AGAIN_SECONDS) < AGAIN_SECONDS:
            return False
        if len(self._warned) >= MOST_WARNED:
            self._warned = {}
        self._warned[what] = now
        return self.alarms.take(1, now)

    def untold(self, now: float) -> None:
        """What was told at ``now`` was not."""
        self._warned = {what: at for what, at in self._warned.items() if at != now}

    def name(self, provider: str) -> bool:
        """Whether usage of ``provider`` may be asked for and booked."""
        if provider in self._named:
            return True
        if len(self._named) >= self._most_named:
            return False
        self._named.add(provider)
        return True
