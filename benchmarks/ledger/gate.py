"""Gate reads against the length of the history: 10 thousand and 10 million exchanges.

The sums are made directly, as that many exchanges of 100 bottles and two providers would have
left them: evenly over the hours of one day, or of a year. A cold read asks the database, a warm
one the books; CPU time, so that other work on the machine does not count.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botbottle.budget import windows
from botbottle.ledger.opening import open_ledger
from botbottle.ledger.records import Admitted
from botbottle.ledger.store import SqlLedger
from botbottle.model.bottle import Limit, Scope

NOW = 1_795_000_000.0
BOTTLES = 100
READS = 2000
PROVIDERS = ("claude", "codex")


def _scopes(i: int) -> tuple[Scope, ...]:
    limits = tuple(Limit(p, 10**14, w) for p in PROVIDERS for w in ("", "day", "month"))
    return (
        Scope("agent", f"agent:p/b{i}"),
        Scope("bottle", f"bottle:k{i % 10}", limits),
        Scope("global", "global"),
    )


def _sums(exchanges: int) -> Iterator[tuple[str, str, str, str, int, int]]:
    """Rows of ``spend`` for a history that ends now."""
    hours = 24 if exchanges <= 10_000 else 24 * 365
    scopes = [f"agent:p/b{i}" for i in range(BOTTLES)] + [f"bottle:k{i}" for i in range(10)]
    names = {
        w: sorted({windows.bucket(w, NOW - h * 3600) for h in range(hours)})
        for w in ("hour", "day")
    }
    for scope in [*scopes, "global"]:
        for provider in PROVIDERS:
            yield scope, provider, "", "", exchanges * 1000, exchanges
            for window, buckets in names.items():
                for bucket in buckets:
                    yield scope, provider, window, bucket, 1000, 1


def _filled(path: str, exchanges: int) -> tuple[SqlLedger, int]:
    ledger = open_ledger(path)
    for i in range(BOTTLES):
        ledger.register(f"p/b{i}", _scopes(i), agent=f"b{i}")
    with ledger.batch():
        ledger.db.insert("spend", list(_sums(exchanges)))
    ledger.db.run("ANALYZE")
    return ledger, int(ledger.db.value("SELECT count(*) FROM spend"))


def _read(ledger: SqlLedger, cold: bool) -> float:
    """Microseconds of one admission, without its commit."""
    times = []
    with ledger.batch():
        for i in range(READS):
            if cold:
                ledger.books.forget()
            account = f"p/b{i % BOTTLES}"
            began = time.process_time_ns()
            answer = ledger.admit(account, "claude", "m", input_tokens=9, allowance=9, now=NOW)
            times.append(time.process_time_ns() - began)
            assert isinstance(answer, Admitted)
            ledger.release(account, answer.lease)
    return statistics.median(times) / 1000


def measure(rounds: int = 5) -> dict[str, Any]:
    """Both histories in turns; the best round of each."""
    with tempfile.TemporaryDirectory(prefix="bbl") as home:
        made = {n: _filled(str(Path(home) / f"{n}.db"), n) for n in (10_000, 10_000_000)}
        found: dict[str, Any] = {}
        for cold in (True, False):
            runs = {n: [] for n in made}  # type: dict[int, list[float]]
            for _ in range(rounds):
                for n, (ledger, _rows) in made.items():
                    runs[n].append(_read(ledger, cold))
            best = {n: min(values) for n, values in runs.items()}
            found["cold" if cold else "warm"] = {
                "us_at_10k": round(best[10_000], 2),
                "us_at_10M": round(best[10_000_000], 2),
                "ratio": round(best[10_000_000] / best[10_000], 3),
            }
        found["rows_of_sums"] = {str(n): rows for n, (_, rows) in made.items()}
        for ledger, _ in made.values():
            ledger.close()
    return found
