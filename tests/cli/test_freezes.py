"""Which snapshots a prune may take, and how they are shown."""

from __future__ import annotations

import pytest

from botbottle.cli.freezes import needed, parse_age, row, table
from botbottle.errors import UsageError
from botbottle.model.ledger_view import FreezeRecord
from botbottle.model.resources import ObservedImage

OLD = FreezeRecord("p/web", "botbottle/snapshot-web:1", "d1", 1000.0)
NEW = FreezeRecord("p/web", "botbottle/snapshot-web:2", "d2", 2000.0)
OTHER = FreezeRecord("p/api", "botbottle/snapshot-api:1", "d3", 500.0)


def test_the_newest_snapshot_of_a_frozen_bottle_is_needed() -> None:
    assert needed([NEW, OLD, OTHER], {"p/web"}) == {NEW.image}
    assert needed([OLD, NEW, OTHER], set()) == set()


def test_size_and_a_missing_image_are_shown() -> None:
    images = {NEW.image: ObservedImage("i", (NEW.image,), size=5_000_000)}
    rows = [row(f, images, {"p/web"}) for f in (NEW, OTHER)]
    assert [r["size"] for r in rows] == [5_000_000, None]
    text = table(rows)
    assert "web  5 MB  frozen" in text and "api  missing  not frozen now" in text


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43200), ("30d", 2592000), ("1w", 604800)])
def test_ages(text: str, seconds: int) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "30", "-1d", "3x"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_age(text)
