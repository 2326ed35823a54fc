"""A sidecar that is killed has lost at the most the event in flight."""

from __future__ import annotations

import errno
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.sidecar.egress import ledgerlink
from botbottle.sidecar.egress.inflight import SLOT, SLOTS, InFlight, Left
from tests.sidecar_egress.rig import ANTHROPIC, OPENAI, Rig, until
from tests.sidecar_egress.test_metering import CLASSES, client, messages, responses
from tests.sidecar_egress.ws_client import CREATE, Socket


def one(response: str = "r", *numbers: int, note: str = "") -> Exchange:
    tokens = Tokens(*numbers)
    partial = Completeness.PARTIAL
    return Exchange("claude", "anthropic", "m", "host", response, tokens, partial, 1.5, note)


def row(response: str = "r", *numbers: int, note: str = "") -> tuple[Exchange, ...]:
    return (one(response, *numbers, note=note),)


def again(path: Path, first: InFlight) -> tuple[InFlight, Left]:
    """What the next process finds; this one is gone."""
    first._kept.close()
    return InFlight.open(path)


class TestTheFile:
    def test_gives_the_next_process_what_was_put_and_counted(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        first, left = InFlight.open(path)
        assert left == []
        first.put("a", row("one", 1, 2, 3, 4, 5, 5))
        first.put("b", row("two", 7))
        first.put("c", row("three", 9))
        first.count("a", Tokens(10, 20, 30, 40, 50, 50))
        first.put("b", (one("two, named", 8, note="x"), one("two:side", 90_000)))
        first.drop("c")
        a = ("a", row("one", 10, 20, 30, 40, 50, 50))
        b = ("b", (one("two, named", 8, note="x"), one("two:side", 90_000)))
        second, left = again(path, first)
        assert sorted(left) == [a, b]
        third, left = again(path, second)
        assert sorted(left) == [a, b], "kept until it is booked"
        third.drop("a")
        assert again(path, third)[1] == [b]

    def test_is_of_one_living_process(self, tmp_path: Path) -> None:
        first, _ = InFlight.open(tmp_path / "f")
        first.put("a", row("one", 1))
        with pytest.raises(BlockingIOError):
            InFlight.open(tmp_path / "f")
        assert again(tmp_path / "f", first)[1] == [("a", row("one", 1))]

    def test_is_its_owners_and_no_link(self, tmp_path: Path) -> None:
        InFlight.open(tmp_path / "f")
        assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
        (tmp_path / "link").symlink_to(tmp_path / "f")
        with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
            InFlight.open(tmp_path / "link")

    def test_takes_as_many_as_may_be_in_flight_and_reuses_what_is_free(
        self, tmp_path: Path
    ) -> None:
        kept, _ = InFlight.open(tmp_path / "f")
        for number in range(SLOTS + 5):
            kept.put(f"l{number}", row(str(number)))
        kept.drop("l3")
        kept.drop("never there")
        kept.count("never there", Tokens(1))
        kept.put("new", row("new"))
        second, left = again(tmp_path / "f", kept)
        names = {lease for lease, _ in left}
        assert len(names) == SLOTS and "new" in names and "l3" not in names
        for lease in names:
            second.drop(lease)
        second.put("free again", row("x"))
        assert again(tmp_path / "f", second)[1] == [("free again", row("x"))]

    def test_that_cannot_be_made_is_told_and_stops_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        made, left = ledgerlink.kept(tmp_path / "no/f")
        made.put("a", row("one"))
        made.drop("a")
        assert left == [] and "not kept" in capsys.readouterr().out

    @pytest.mark.parametrize("noise", [b"\xff", b"\x00\x10", b'{"a":1}', b"\x20\x00[]"])
    def test_damage_is_no_row_and_no_error(self, tmp_path: Path, noise: bytes) -> None:
        path = tmp_path / "f"
        kept, _ = InFlight.open(path)
        kept.put("a", row("one"))
        whole = path.read_bytes()
        start = next(i for i in range(0, len(whole), SLOT) if b"one" in whole[i : i + SLOT])
        for at in range(start, start + 120, 7):
            path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
            kept, left = again(path, kept)
            assert len(left) <= 1
        path.write_bytes(b"short")
        assert again(path, kept)[1] == []

    def test_rows_that_do_not_fit_leave_the_first_or_what_was_before(self, tmp_path: Path) -> None:
        kept, _ = InFlight.open(tmp_path / "f")
        kept.put("a", row("one"))
        kept.put("a", row("x" * SLOT))
        kept.put("b", (one("first", 5), *row("x" * SLOT)))
        left = dict(again(tmp_path / "f", kept)[1])
        assert left == {"a": row("one"), "b": row("first", 5)}


REQUESTS: list[tuple[str, str, dict[str, Any], str]] = [
    (ANTHROPIC, "/v1/messages", messages(), "content_block_delta"),
    (OPENAI, "/v1/responses", responses(), "output_text.delta"),
]


@pytest.mark.parametrize(("host", "path", "body", "wanted"), REQUESTS, ids=["claude", "codex"])
def test_a_killed_stream_is_booked_by_the_next_process_once(
    own: Rig, host: str, path: str, body: dict[str, Any], wanted: str
) -> None:
    own.world.default(events=40, stall_after=30)
    with client(own) as http, http.stream("POST", own.url(host, path), json=body) as answer:
        lines = answer.iter_lines()  # whose end would be the stream's
        assert any(wanted in line for line in lines)
        until(lambda: b"sidecar killed" in kept(own), "the row to be kept")
        own.sidecar.restart(signal.SIGKILL)
    until(lambda: len(own.ledger.rows()) == 1, "the row")
    (booked,) = own.ledger.rows()
    assert (booked.completeness, booked.note[:14]) == ("partial", "sidecar killed")
    assert booked.tokens.output > 0
    (record,) = own.world.requests(settle_seconds=3)
    if host == ANTHROPIC:  # whose first event tells the input
        told = {name: getattr(booked.tokens, name) for name in CLASSES[:4]}
        assert told == {name: record["billed"][name] for name in CLASSES[:4]}
    until(lambda: own.ledger.reserved() == 0, "the reservation to be gone")
    own.sidecar.restart(signal.SIGKILL)
    own.standard()
    with client(own) as http:
        http.post(own.url(host, path), json=body | {"stream": False})
    until(lambda: len(own.ledger.rows()) == 2, "the next row")
    assert sum(r.completeness == "partial" for r in own.ledger.rows()) == 1


def kept(own: Rig) -> bytes:
    return (own.sidecar.folder / "control" / "in-flight").read_bytes()


def test_what_was_settled_is_kept_no_more(own: Rig) -> None:
    with client(own) as http:
        assert http.post(own.url(ANTHROPIC, "/v1/messages"), json=messages()).is_success
    until(lambda: len(own.ledger.rows()) == 1, "the row")
    until(lambda: live(own) == 0, "the slot to be free")
    own.sidecar.restart(signal.SIGKILL)
    own.standard()
    with client(own) as http:
        assert http.post(own.url(ANTHROPIC, "/v1/messages"), json=messages()).is_success
    until(lambda: len(own.ledger.rows()) == 2, "the next row")
    assert {r.completeness for r in own.ledger.rows()} == {"final"}


def live(own: Rig) -> int:
    """Slots in use: those whose length is not zero."""
    data = kept(own)
    return sum(data[i + 48 : i + 50] != b"\0\0" for i in range(0, len(data), SLOT))


def test_what_the_ledger_did_not_take_before_the_end_is_booked_later(own: Rig) -> None:
    with client(own) as http:
        assert http.post(own.url(ANTHROPIC, "/v1/messages"), json=messages()).is_success
        until(lambda: len(own.ledger.rows()) == 1, "the row")
        own.world.default(first_delay=0.0, events=40, delay=0.05)
        url = own.url(ANTHROPIC, "/v1/messages")
        with http.stream("POST", url, json=messages()) as answer:
            lines = iter(answer.iter_lines())
            next(lines)
            own.ledger.stop()
            assert any("message_stop" in line for line in lines)
        own.sidecar.stop(signal.SIGKILL)
    own.ledger.start()
    own.sidecar.start()
    until(lambda: len(own.ledger.rows()) == 2, "the row that nobody could take")
    assert {r.completeness for r in own.ledger.rows()} == {"final"}


def test_a_killed_socket_is_booked_by_the_next_process(own: Rig) -> None:
    own.world.default(events=40, stall_after=30)
    ws = Socket(own, OPENAI, "/v1/responses")
    ws.send(CREATE)
    for event in ws.receive():
        if event["type"] == "response.output_text.delta":
            break
    until(lambda: b"sidecar killed" in kept(own), "the row to be kept")
    own.sidecar.restart(signal.SIGKILL)
    ws.close()
    until(lambda: len(own.ledger.rows()) == 1, "the row")
    (booked,) = own.ledger.rows()
    assert (booked.completeness, booked.note[:14]) == ("partial", "sidecar killed")
    assert booked.tokens.output > 0
