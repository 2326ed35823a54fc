"""A value that an operator lets pass on one route: by keyed fingerprint, with a reason and an end.

The manifest and the flat form are the same: ``{fingerprint, reason, until, rule}``. The
fingerprint is what ``bb findings`` prints: 16 hex digits of HMAC-SHA-256 under a key that never
leaves the home and its sidecars, so neither a manifest nor a log tells the value.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec import Struct

from botbottle.model.reading import RouteError, mapping, text

DIGITS = 16
FINGERPRINT_PATTERN = re.compile(rf"(?!0{{{DIGITS}}})[0-9a-f]{{{DIGITS}}}")
DAY_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}")
_LONGEST_REASON = 200  # characters


class Approval(Struct, frozen=True, order=True):
    """``until``: the last day (UTC, YYYY-MM-DD) on which it holds. ``rule``: "" for any rule."""

    fingerprint: str
    reason: str
    until: str
    rule: str = ""

    @property
    def ends(self) -> float:
        """The first second, since the epoch, at which it holds no more."""
        day = date.fromisoformat(self.until) + timedelta(days=1)
        return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()

    @property
    def words(self) -> str:
        """``REASON, until DAY``."""
        return f"{self.reason}, until {self.until}"

    def to_flat(self) -> dict[str, Any]:
        """Plain data; ``read_approval`` is its inverse."""
        flat = {"fingerprint": self.fingerprint, "reason": self.reason, "until": self.until}
        return flat | ({"rule": self.rule} if self.rule else {})


def read_approval(raw: object, path: str) -> Approval:
    """Raises RouteError."""
    data = mapping(raw, path, {"fingerprint", "reason", "until", "rule"})
    return Approval(
        fingerprint=_fingerprint(data.get("fingerprint"), f"{path}.fingerprint"),
        reason=_reason(data.get("reason"), f"{path}.reason"),
        until=_day(data.get("until"), f"{path}.until"),
        rule=text(data.get("rule", ""), f"{path}.rule"),
    )


def _fingerprint(raw: object, path: str) -> str:
    if isinstance(raw, (int, float)):
        raise RouteError(path, "is read as a number", "put the fingerprint in quotes")
    if not isinstance(raw, str) or not FINGERPRINT_PATTERN.fullmatch(raw):
        raise RouteError(
            path, f"must be {DIGITS} hex digits", "copy it from bb findings NAME, never the value"
        )
    return raw


def _reason(raw: object, path: str) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise RouteError(path, "an approval needs a reason", "reason: fixture of the tests")
    if len(raw) > _LONGEST_REASON or not raw.isprintable():
        raise RouteError(path, f"must be one line of at most {_LONGEST_REASON} characters")
    return raw.strip()


def _day(raw: object, path: str) -> str:
    hint = "the last day on which it holds, as in until: 2027-01-31"
    if raw is None:
        raise RouteError(path, "an approval needs an end", hint)
    try:
        day = date.fromisoformat(raw) if isinstance(raw, str) else date.max
        if day < date.max and DAY_PATTERN.fullmatch(str(raw)):
            return str(raw)
    except ValueError:
        pass
    raise RouteError(path, f"{raw!r} is not a day", hint)
