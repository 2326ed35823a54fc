"""``bb status`` tells the alarms of the last day, each code of a bottle once."""

from __future__ import annotations

from botbottle.cli.alarmed import RECENT, line, reported
from botbottle.ledger.opening import open_ledger

NOW = 1_795_000_000.0


def test_the_newest_of_each_code_is_told_with_how_often_it_was() -> None:
    ledger = open_ledger(":memory:")
    ledger.register("p/web", [], agent="web")
    ledger.register("p/api", [], agent="api")
    for at, who, code, text in (
        (NOW - RECENT - 1, "web", "old", "long ago"),
        (NOW - 60, "web", "estimated", "no usage"),
        (NOW - 30, "web", "estimated", "unknown dialect"),
        (NOW - 20, "web", "rejected", "negative usage"),
        (NOW - 10, "other", "estimated", "of somebody else"),
    ):
        told = {"code": code, "message": text}
        ledger.record_event(f"p/{who}", "alarm", told, now=at)
    ledger.record_event("p/web", "finding", {"rule": "r1"}, now=NOW)
    found = reported(ledger, ["p/web", "p/api"], NOW)
    assert [(r.bottle, r.code, r.message, r.times) for r in found] == [
        ("web", "estimated", "unknown dialect", 2),
        ("web", "rejected", "negative usage", 1),
    ]
    assert line(found[0]) == "web: unknown dialect [estimated, 2 times today; bb findings web]"
    assert line(found[1]) == "web: negative usage [rejected; bb findings web]"
    ledger.close()


def test_before_the_first_apply_there_are_none() -> None:
    assert reported(None, ["p/web"], NOW) == ()
