"""What is looked for beside the pass for rules is what would have been found without it."""

from __future__ import annotations

import base64
import itertools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.dlp import Finding, Scanner, ahead, pieces, runs
from tests.dlp.conftest import PATIENT, alnum, body_with, github

SECRET = b"Zq7Kw2Lm9Xv4Bn8Rt1Yp5Hc3"
FILLER = b"ordinary text without anything in it, line after line\n" * 6000
WORDS = random.Random(4)
BODIES = {
    "plain": SECRET,
    "percent": b"".join(b"%%%02X" % c for c in SECRET),
    "unicode": b"".join(b"\\u%04x" % c for c in SECRET),
    "base64": base64.b64encode(b"some words, then the value: " + SECRET),
    "runs": b" ".join(base64.b64encode(alnum(WORDS, 60).encode()) for _ in range(400)) + SECRET,
    "token in base64": base64.b64encode(f"the token is {github(WORDS)} for now".encode()),
    "nothing": b"",
}
SCANNER = Scanner({"S": SECRET, "long": b"Xw4" * 90}, key=b"k", limits=PATIENT)


def found(name: str, at: int = 20) -> tuple[Finding, ...]:
    return SCANNER.scan(FILLER[:at] + body_with(BODIES[name], 20) + FILLER)


def in_one(name: str, at: int, patch: pytest.MonkeyPatch) -> tuple[Finding, ...]:
    with patch.context() as change:
        change.setattr(ahead, "_PARALLEL", 1 << 60)
        return found(name, at)


class Helper:
    """A second thread as the system may run it: it takes ``early`` pieces before the first asks
    for anything, and has in hand what ``held`` says of the next, which it does not finish."""

    def __init__(self, early: int, held: int) -> None:
        self.early, self.held = early, held

    def submit(self, help_: Callable[[], None]) -> None:
        shared: ahead.Shared = help_.__self__  # type: ignore[attr-defined]
        for _ in range(min(self.early, len(shared._heap))):
            number = shared._heap.popleft()
            shared._found[number] = shared._cut.look(number)
        for _ in range(min(self.held, len(shared._heap))):
            shared._heap.popleft()


def interleavings(count: int) -> Iterator[Helper]:
    """The helper stopped at every point: late from the start, behind each piece, in each piece."""
    return (Helper(early, held) for early, held in itertools.product(range(count + 1), (0, 1)))


@pytest.mark.parametrize("name", BODIES)
def test_a_surface_in_pieces_has_the_same_findings_wherever_a_helper_is_late(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = in_one(name, 20, monkeypatch)
    monkeypatch.setattr(ahead, "_PARALLEL", 0)
    monkeypatch.setattr(pieces, "SIZE", 64 * 1024)
    for helper in interleavings(6):
        monkeypatch.setattr(ahead, "_pool", lambda helper=helper: helper)
        assert found(name) == alone
    assert bool(alone) == (name != "nothing")


@pytest.mark.parametrize("name", BODIES)
def test_nothing_is_lost_where_two_pieces_meet(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = {at: in_one(name, at, monkeypatch) for at in range(0, 4096, 97)}
    monkeypatch.setattr(ahead, "_PARALLEL", 0)
    monkeypatch.setattr(ahead, "_pool", lambda: Helper(1, 1))
    monkeypatch.setattr(pieces, "SIZE", 4096)
    for at, wanted in alone.items():
        assert found(name, at) == wanted


def test_a_thread_that_helps_is_of_use() -> None:
    """The positive control: what the helper looked at is taken as it is."""
    shared = ahead.Shared(SCANNER, memoryview(FILLER + SECRET))
    shared.help()
    known = [part for part in shared._found if part]
    assert len(known) == shared._cut.count > 1
    shared._cut.look = lambda number: pytest.fail(f"looked at {number} again")  # type: ignore[method-assign,misc]
    assert shared.result() == pieces.joined(known, PATIENT.events, shared._cut.first)


def test_a_flood_ends_the_search_at_the_same_place_whoever_meets_it_first() -> None:
    flood = memoryview((FILLER + b"Zq7Kw " * 2000 + FILLER) * 2)
    first = ahead.Shared(SCANNER, flood)
    second = ahead.Shared(SCANNER, flood)
    second.help()
    assert first.result() == second.result()
    assert first.result().hits.overflow
    assert len(first.result().hits.hits) == PATIENT.events


def test_a_literal_longer_than_a_quarter_of_a_piece_makes_one_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scanner = Scanner({"odd": b"a" * 1500}, key=b"k", limits=PATIENT)
    size = 4 * scanner.index.plain.longest
    assert size >= 6000
    monkeypatch.setattr(pieces, "SIZE", size - 1)
    assert pieces.Cut(scanner, memoryview(FILLER)).count == 1
    monkeypatch.setattr(pieces, "SIZE", size)
    assert pieces.Cut(scanner, memoryview(FILLER)).count == -(-len(FILLER) // size)


@pytest.mark.parametrize("body", [BODIES["runs"], b"%41%42 " * 40_000])
def test_all_pieces_give_the_same_in_whatever_order_they_are_looked_at(body: bytes) -> None:
    cut = pieces.Cut(SCANNER, memoryview(FILLER + body))
    forwards = [cut.look(number) for number in range(cut.count)]
    cut = pieces.Cut(SCANNER, memoryview(FILLER + body))
    backwards = [cut.look(number) for number in reversed(range(cut.count))]
    first = cut.first
    assert pieces.joined(forwards, 1024, first) == pieces.joined(backwards[::-1], 1024, first)


BARE = Scanner({}, key=b"k", limits=PATIENT)
RUNS = (
    *(b"a", b"aB3" * 13, b"aB3" * 14, b"aB3" * 15, b"Qw9" * 400),
    *(b" ", b"=", b"==", b"\n", b"\\n", b"\\/", b"/", b"  abc", b" and a few words "),
)


@given(st.lists(st.sampled_from(RUNS), max_size=40).map(b"".join))
def test_runs_that_pieces_tell_of_are_all_there_are(data: bytes) -> None:
    view = memoryview(data)
    with pytest.MonkeyPatch.context() as change:
        change.setattr(pieces, "SIZE", 256)
        cut = pieces.Cut(BARE, view)
        parts = [cut.look(number) for number in range(cut.count)]
    known = pieces.joined(parts, PATIENT.events, cut.first).further.runs
    told = [*runs.spans(view, BARE.runs, 0, known)] if known else []
    assert told == [*runs.spans(view, BARE.runs)]


EVERY_PERCENT = b"%2B %3A %40/ %7E/ %25 %41%42%43 "


def test_pieces_that_all_have_escapes_use_up_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trigger that fires once in a surface fires in each piece: 16 MB have 128 of them."""
    body = (EVERY_PERCENT + FILLER[:2000]) * 300
    monkeypatch.setattr(ahead, "_PARALLEL", 1 << 60)
    alone = SCANNER.scan(body)
    monkeypatch.setattr(ahead, "_PARALLEL", 0)
    monkeypatch.setattr(pieces, "SIZE", 2048)
    cut = pieces.Cut(SCANNER, memoryview(body))
    hits = sum(len(cut.look(number).hits.hits) for number in range(cut.count))
    assert cut.count > 100 and hits > SCANNER.limits.events  # the positive control
    assert SCANNER.scan(body) == alone == ()


def test_many_large_surfaces_at_once_share_the_helpers(monkeypatch: pytest.MonkeyPatch) -> None:
    """More threads than helpers, each with a surface of its own: nobody takes another's pieces."""
    wanted = {name: in_one(name, 20, monkeypatch) for name in BODIES}
    monkeypatch.setattr(ahead, "_PARALLEL", 0)
    monkeypatch.setattr(pieces, "SIZE", 16 * 1024)
    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(lambda name: (name, found(name)), [*BODIES] * 6))
    assert all(told == wanted[name] for name, told in results)
    assert len(results) == 6 * len(BODIES)
