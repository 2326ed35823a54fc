"""Calendar windows in UTC: which bucket a moment falls in, and when the bucket ends.

Buckets are sortable text: ``2026-11-22T18`` (hour), ``2026-11-22`` (day), ``2026-W47`` (week,
ISO 8601, Monday first), ``2026-11`` (month) and the empty text for "in all".
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from botbottle.model.bottle import Window


def bucket(window: Window, at: float) -> str:
    """Name of the bucket that holds ``at`` (epoch seconds)."""
    moment = datetime.fromtimestamp(at, UTC)
    match window:
        case "":
            return ""
        case "hour":
            return moment.strftime("%Y-%m-%dT%H")
        case "day":
            return moment.strftime("%Y-%m-%d")
        case "week":
            year, week, _ = moment.isocalendar()
            return f"{year:04d}-W{week:02d}"
        case "month":
            return moment.strftime("%Y-%m")


def bounds(window: Window, at: float) -> tuple[float, float] | None:
    """First moment of the bucket and first moment after it; None for the endless window."""
    moment = datetime.fromtimestamp(at, UTC)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    match window:
        case "":
            return None
        case "hour":
            start = moment.replace(minute=0, second=0, microsecond=0)
            end = start + timedelta(hours=1)
        case "day":
            start, end = midnight, midnight + timedelta(days=1)
        case "week":
            start = midnight - timedelta(days=moment.weekday())
            end = start + timedelta(weeks=1)
        case "month":
            start = midnight.replace(day=1)
            end = (start + timedelta(days=32)).replace(day=1)
    return start.timestamp(), end.timestamp()


def resets_at(window: Window, at: float) -> float | None:
    """When the current bucket ends; None when it never does."""
    span = bounds(window, at)
    return span[1] if span else None


def days(window: Window, at: float) -> tuple[str, str]:
    """First and last day bucket (inclusive) of the week or month that holds ``at``.

    Weeks and months are sums of at most 31 days, so only days need to be kept.
    """
    span = bounds(window, at)
    if span is None or window == "hour":
        raise ValueError(f"window {window!r} is not made of days")
    return bucket("day", span[0]), bucket("day", span[1] - 1)
