"""Approved fingerprints: values an operator let pass, each with a reason and an end."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from botbottle.dlp.findings import NOTHING


@dataclass(frozen=True, slots=True)
class Allowed:
    """One approval; ``expires`` in seconds since the epoch, 0 for never; ``rule`` "" for any."""

    fingerprint: str
    reason: str
    expires: float = 0.0
    rule: str = ""


class Allowlist:
    """An immutable set of approvals."""

    def __init__(self, entries: Iterable[Allowed] = ()) -> None:
        self._entries = {entry.fingerprint: entry for entry in entries}

    def allows(self, rule: str, fingerprint: str, now: float) -> bool:
        """True when the finding was approved and the approval still holds at ``now``."""
        return self.approval(rule, fingerprint, now) is not None

    def approval(self, rule: str, fingerprint: str, now: float) -> Allowed | None:
        """The approval that lets a finding pass at ``now`` (seconds since the epoch)."""
        entry = self._entries.get(fingerprint)
        if entry is None or fingerprint == NOTHING or (entry.rule and entry.rule != rule):
            return None
        return entry if not entry.expires or now < entry.expires else None

    def __len__(self) -> int:
        return len(self._entries)


class BadAllowFile(ValueError):
    """The file is no list of approvals; the message says what is wrong."""


def read_file(text: str) -> tuple[bytes, Allowlist]:
    """The fingerprint key and the approvals of a file that :func:`empty_file` began.

    Every approval needs ``fingerprint`` and ``reason``; ``rule`` narrows it, ``expires`` (a day,
    YYYY-MM-DD, that it still holds on) ends it. Raises BadAllowFile.
    """
    try:
        document = json.loads(text)
        key = bytes.fromhex(document["key"])
        entries = [_entry(row) for row in document["allow"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadAllowFile(f"no list of approvals: {error}") from error
    if len(key) < 16:
        raise BadAllowFile("the key must have at least 32 hex digits")
    return key, Allowlist(entries)


def empty_file() -> str:
    """The beginning of such a file, with a fresh key."""
    return json.dumps({"key": secrets.token_hex(16), "allow": []}, indent=2) + "\n"


def _entry(row: dict[str, Any]) -> Allowed:
    if not row["reason"].strip():
        raise BadAllowFile("an approval needs a reason")
    end = 0.0
    if row.get("expires"):
        day = date.fromisoformat(row["expires"]) + timedelta(days=1)
        end = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    return Allowed(row["fingerprint"], row["reason"], end, row.get("rule", ""))
