"""Words and bars: everything readable without colour, every column a known width."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Sequence

EIGHTHS = " ▏▎▍▌▋▊▉"
SPARKS = "▁▂▃▄▅▆▇█"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: str, width: int = 0) -> str:
    """``text`` with everything that could move a cursor, hide or reorder replaced by ``·``, cut
    to ``width`` characters (0: whole). Agents choose paths and justifications; this is what
    keeps them from drawing on the operator's screen."""
    safe = "".join("·" if unicodedata.category(c) in _HIDDEN else c for c in text)
    return safe if not width or len(safe) <= width else safe[: max(width - 1, 0)] + "…"


def bar(share: float, width: int) -> str:
    """A bar of exactly ``width`` characters; never full before it is, never empty when it is
    not."""
    if share >= 1.0:
        return "█" * width
    steps = min(int(share * width * 8), width * 8 - 1)
    if share > 0 and steps == 0:
        steps = 1
    full, rest = divmod(steps, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(width, "░")


def meter(share: float, width: int) -> str:
    """A bar with its percentage; ``!`` from 100 %, ``▲`` from 80 %: ``width`` + 6 characters."""
    mark = "!" if share >= 1.0 else "▲" if share >= 0.8 else " "
    return f"{bar(share, width)} {min(int(share * 100), 999):>3}%{mark}"


def columns(values: Sequence[int], height: int) -> list[str]:
    """A column chart ``height`` lines high, one character a value, top line first."""
    top = max(values, default=0)
    lines = []
    for level in range(height - 1, -1, -1):
        cells = []
        for value in values:
            steps = -(-value * height * 8 // top) if top else 0
            inside = min(max(steps - level * 8, 0), 8)
            cells.append(SPARKS[inside - 1] if inside else " ")
        lines.append("".join(cells))
    return lines


def tokens(count: float) -> str:
    """1234567 → 1.23M: at most five characters up to 999 billion."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size * 0.9995:
            value = count / size
            digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{digits}f}{unit}"
    return f"{count:.0f}"


def rate(per_second: float) -> str:
    """Tokens a minute; ``-`` while nothing is spent."""
    return f"{tokens(per_second * 60)}/m" if per_second > 0 else "-"


def span(seconds: float | None) -> str:
    """A duration in at most six characters: 42s, 7m, 3h12m, 5d4h; ``-`` for None."""
    if seconds is None:
        return "-"
    whole = int(max(seconds, 0))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    days = whole // 86400
    return f"{days}d{whole % 86400 // 3600}h" if days < 100 else f"{days}d"


def ago(at: float | None, now: float) -> str:
    """How long since ``at``; ``never`` for None."""
    return "never" if at is None else span(now - at)


def clock(at: float) -> str:
    """Time of day in UTC."""
    return time.strftime("%H:%M:%SZ", time.gmtime(at))
