"""Which snapshots a prune may take, and how they are shown."""

from __future__ import annotations

import pytest

from botbottle.cli.freezes import position, row, table
from botbottle.cli.freezes_prune import called, newest, parse_age
from botbottle.errors import UsageError
from botbottle.model import labels
from botbottle.model.ledger_view import FreezeRecord
from botbottle.model.resources import ObservedImage

OLD = FreezeRecord("p/web", "botbottle/snapshot-web:1", "d1", 1000.0)
NEW = FreezeRecord("p/web", "botbottle/snapshot-web:2", "d2", 2000.0)
OTHER = FreezeRecord("p/api", "botbottle/snapshot-api:1", "d3", 500.0)


def test_the_newest_snapshot_of_a_frozen_bottle_is_needed() -> None:
    assert newest([NEW, OLD, OTHER], 1, {"p/web"}) == {NEW.image}
    assert newest([OLD, NEW, OTHER], 1, set()) == set()


def test_as_many_as_are_kept_stay_of_each_bottle() -> None:
    assert newest([OLD, NEW, OTHER], 1) == {NEW.image, OTHER.image}
    assert newest([OLD, NEW, OTHER], 0) == set()
    assert len(newest([OLD, NEW, OTHER], 5)) == 3


def test_size_and_a_missing_image_are_shown() -> None:
    marks = {labels.BUDGET: '[{"scope": "global", "spent": 7}]'}
    volumes = f"{NEW.image}-volumes"
    images = {
        NEW.image: ObservedImage("i", (NEW.image,), marks, 5_000_000),
        volumes: ObservedImage("v", (volumes,), size=1_200_000),
        OLD.image: ObservedImage("o", (OLD.image,), size=5_000_000),
    }
    doomed = {OLD.image: "retention-age"}
    rows = [row(f, images, {"p/web"}, doomed) for f in (NEW, OLD, OTHER)]
    assert [r.retention for r in rows] == [None, "retention-age", None]
    assert [r.size for r in rows] == [5_000_000, 5_000_000, None]
    assert [r.own for r in rows] == [1_200_000, None, None]
    assert rows[0].budget == ({"scope": "global", "spent": 7},) and rows[1].budget == ()
    text = table(rows)
    assert "web  5 MB  1.2 MB own  frozen" in text
    assert "web  5 MB  volumes not copied" in text
    assert "snapshot-web:1  beyond retention: retention-age\n" in text
    assert "api  missing  volumes not copied  not frozen now" in text


@pytest.mark.parametrize("text", ["", "{", "7", '{"a": 1}', "[7]"])
def test_a_label_of_somebody_elses_making_is_no_position(text: str) -> None:
    assert position(ObservedImage("i", (), {labels.BUDGET: text})) == ()


@pytest.mark.parametrize(("text", "seconds"), [("12h", 43200), ("30d", 2592000), ("1w", 604800)])
def test_ages(text: str, seconds: int) -> None:
    assert parse_age(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "30", "-1d", "3x", "\u00b2d", "9" * 5000 + "d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_age(text)


def test_a_snapshot_is_called_by_its_bottle_and_date_as_in_the_list() -> None:
    assert called(OLD) == "web of 1970-01-01 00:16:40Z (botbottle/snapshot-web:1)"
    assert "1970-01-01 00:16:40Z  web" in table([row(OLD, {}, set(), {})])
