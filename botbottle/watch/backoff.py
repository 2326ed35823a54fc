"""Per-key patience: back-off after failures, and a damper for fights with another actor."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from msgspec import Struct, field

FIRST = 0.5  # seconds
LONGEST = 60.0
JITTER = 0.2


class Backoff(Struct):
    """After n failures in a row a key waits ``0.5 s * 2^(n-1)``, at most ``longest`` s, ±20 %.

    ``random`` gives a number in [0, 1). Permanent failures wait until ``forget``.
    """

    random: Callable[[], float]
    longest: float = LONGEST
    _fails: dict[str, int] = field(default_factory=dict)
    _until: dict[str, float] = field(default_factory=dict)

    def failed(self, key: str, now: float, *, permanent: bool = False) -> float:
        """Count a failure; seconds until the key may be tried again (inf: not before forget)."""
        count = self._fails[key] = self._fails.get(key, 0) + 1
        if permanent:
            delay = float("inf")
        else:
            base = min(FIRST * 2.0 ** min(count - 1, 30), self.longest)
            delay = base * (1 + JITTER * (2 * self.random() - 1))
        self._until[key] = now + delay
        return delay

    def retry(self, key: str, at: float) -> None:
        """Not before ``at``, and no failure."""
        self._until[key] = at

    def ready(self, key: str, now: float) -> bool:
        return now >= self._until.get(key, 0.0)

    def fails(self, key: str) -> int:
        """Failures in a row."""
        return self._fails.get(key, 0)

    def forget(self, key: str) -> None:
        """A success, or new input for the key."""
        self._fails.pop(key, None)
        self._until.pop(key, None)

    def forget_all(self) -> None:
        self._fails.clear()
        self._until.clear()

    def waiting(self, now: float) -> tuple[str, ...]:
        """Keys that may not be tried yet."""
        return tuple(sorted(k for k, t in self._until.items() if now < t))

    def next_due(self) -> float | None:
        """The earliest time a waiting key becomes ready."""
        finite = [t for t in self._until.values() if t != float("inf")]
        return min(finite, default=None)


class Damper(Struct):
    """Stops repairing what somebody else keeps undoing: ``limit`` repairs of the same thing in
    ``window`` seconds trip it; it stays tripped until ``resume``."""

    limit: int = 3
    window: float = 600.0
    _repairs: dict[Hashable, list[float]] = field(default_factory=dict)
    _tripped: dict[str, str] = field(default_factory=dict)

    def repaired(self, bottle: str, what: str, now: float) -> bool:
        """Count one repair; whether this one tripped the damper."""
        times = self._repairs.setdefault((bottle, what), [])
        times[:] = [t for t in times if now - t < self.window]
        times.append(now)
        if len(times) > self.limit and bottle not in self._tripped:
            self._tripped[bottle] = what
            return True
        return False

    def tripped(self, bottle: str) -> str:
        """What tripped it, or empty."""
        return self._tripped.get(bottle, "")

    def resume(self, bottle: str) -> None:
        """Work on the bottle again, with a clean slate."""
        self._tripped.pop(bottle, None)
        for key in [k for k in self._repairs if isinstance(k, tuple) and k[0] == bottle]:
            del self._repairs[key]

    @property
    def bottles(self) -> tuple[str, ...]:
        return tuple(sorted(self._tripped))
