"""The demo's ledger, read from the host and held against what the upstream says it sent."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLASSES = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output")


def exchanges(home: Path) -> dict[str, Any]:
    """Response id → the exchange as it was recorded."""
    from botbottle.ledger import open_ledger

    ledger = open_ledger(str(home / "ledger/bot-bottle.db"), create=False, read_only=True)
    try:
        return {row.response_id: row for row in ledger.exchanges(limit=10_000)}
    finally:
        ledger.close()


def crossing(rows: Mapping[str, Any], bottle: str) -> float:
    """When the exchange that crossed the bottle's budget was recorded, seconds since the epoch."""
    return float(max(r.recorded_at for r in rows.values() if r.account.endswith(f"/{bottle}")))


def differences(rows: Mapping[str, Any], truth: Mapping[str, Any], most_cut: int) -> list[str]:
    """What does not agree. ``truth``: response id → usage by class as it was sent; ``most_cut``:
    how many streams may have been cut."""
    if rows.keys() != truth.keys():
        return [f"ledger and upstream differ in {sorted(rows.keys() ^ truth.keys())}"]
    if len(cut(rows)) > most_cut:
        return ["more streams were cut than budgets crossed"]
    return [
        f"{response}: {cls} differs from what the upstream sent"
        for response, usage in truth.items()
        for cls in comparable(rows[response])
        if getattr(rows[response].tokens, cls) != usage.get(cls, 0)
    ]


def cut(rows: Mapping[str, Any]) -> list[Any]:
    return [r for r in rows.values() if r.completeness != "final"]


def comparable(row: Any) -> tuple[str, ...]:
    """Of a cut stream Messages tell the exact input first; Responses tell it last."""
    if row.completeness == "final":
        return CLASSES
    return CLASSES[:4] if row.provider == "claude" else ()
