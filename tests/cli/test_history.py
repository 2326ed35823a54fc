"""Generations: listed with their place, picked by place or digest, gone back to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from botbottle.cli.history import before_last, pick
from botbottle.errors import UsageError
from botbottle.former import restore
from botbottle.ledger import open_ledger
from botbottle.ledger.api import Ledger
from botbottle.model import canonical
from botbottle.model.paths import HomePaths
from tests.cli_manifests.run import Ran, bb
from tests.support.worlds import bottle, declared

EDITS = ("one", "two", "two", "three", "three", "three")  # an order applies the same set again


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    made = open_ledger(HomePaths(str(home)).ledger_db, create=True)
    for number, name in enumerate(EDITS):
        want = declared(bottle(name))
        body = json.dumps(canonical.plain({"bottles": want.bottles, "settings": want.settings}))
        made.save_generation("home", body, plan_digest=f"{number}" * 16, by="ann", now=number * 1e3)
    yield made
    made.close()


def run(home: Path, *args: str) -> Ran:
    return bb("--home", str(home), "-C", str(home.parent), *args)


def bottles(ledger: Ledger, name: str) -> list[str]:
    body = ledger.document(pick(ledger, "home", name).digest) or ""
    return [b.name for b in restore(body, declared().project).bottles]


def test_each_line_has_the_place_that_diff_and_undo_take(home: Path, ledger: Ledger) -> None:
    lines = run(home, "history").out.splitlines()
    assert [int(line.split()[0]) for line in lines] == [-1, -2, -3, -4, -5, -6]
    for line in lines:
        place, digest = line.split()[:2]
        assert pick(ledger, "home", place).digest.startswith(digest)
    assert [bottles(ledger, p) for p in ("-1", "-4", "-6")] == [["three"], ["two"], ["one"]]


def test_undo_goes_back_to_the_newest_set_that_differs(ledger: Ledger) -> None:
    assert before_last(ledger, "home").digest == pick(ledger, "home", "-4").digest
    with pytest.raises(UsageError) as caught:
        before_last(ledger, "elsewhere")
    assert "bb history" in caught.value.hint


def test_a_name_that_matches_nothing_or_too_much_is_a_usage_error(ledger: Ledger) -> None:
    for name in ("-7", "-0", "zzz", "0" * 64):
        with pytest.raises(UsageError, match="no generation"):
            pick(ledger, "home", name)
    with pytest.raises(UsageError, match="more than one"):
        pick(ledger, "home", "")


def test_diff_names_what_changed_and_says_when_nothing_did(home: Path, ledger: Ledger) -> None:
    ran = run(home, "diff", "-4")
    assert ran.code == 0 and "-  two:" in ran.out and "+  three:" in ran.out
    assert run(home, "diff", "-1", "-3").err.endswith("bb diff: no difference\n")
    whole = json.loads(run(home, "diff", "-6", "-4", "--json").out)
    assert [b["name"] for b in (*whole["old"]["bottles"], *whole["new"]["bottles"])] == [
        "one", "two",
    ]  # fmt: skip


@pytest.mark.parametrize("words", [("undo", "--yse"), ("diff", "--jsno"), ("undo", "-q")])
def test_a_mistyped_option_is_no_generation(
    words: tuple[str, str], home: Path, ledger: Ledger
) -> None:
    ran = run(home, *words)
    assert ran.code == 64 and f"No such option: {words[1]}" in ran.err
