"""Tokens of difference between the independent model's truth and the meter's rows."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from tests.meter import judge, sockets


def run(exchanges: int = 20_000, seen_sockets: int = 5_000) -> dict[str, Any]:
    """Seeds differ from those of the unit suite. A mismatch is counted, not hidden."""
    started, wrong = time.perf_counter(), []
    kinds: Counter[str] = Counter()
    for seed in range(1_000_000, 1_000_000 + exchanges):
        try:
            kinds[judge.run(seed)] += 1
        except AssertionError as error:
            wrong.append(f"{seed}: {error}")
    responses = 0
    for seed in range(1_000_000, 1_000_000 + seen_sockets):
        try:
            responses += sockets.run(seed)
        except AssertionError as error:
            wrong.append(f"socket {seed}: {error}")
    return {
        "exchanges": exchanges,
        "sockets": seen_sockets,
        "responses_on_sockets": responses,
        "interrupted": sum(v for k, v in kinds.items() if k.endswith("/cut")),
        "combinations": len(kinds),
        "wrong": len(wrong),
        "first_wrong": wrong[:3],
        "seconds": round(time.perf_counter() - started, 1),
    }
