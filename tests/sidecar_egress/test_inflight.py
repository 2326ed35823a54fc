"""The file that a sidecar keeps for the case that it is killed."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.sidecar.egress import ledgerlink
from botbottle.sidecar.egress.inflight import LEASES, SLOT, SLOTS, InFlight, Left, lease_of


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

    def test_what_has_no_lease_leaves_room_for_what_has(self, tmp_path: Path) -> None:
        kept, _ = InFlight.open(tmp_path / "f")
        many = [one(f"row {number}") for number in range(20 * LEASES)]
        assert 0 < len(kept.keep(many)) <= SLOTS - LEASES
        for number in range(LEASES):
            kept.put(f"l{number}", row(str(number)))
        left = again(tmp_path / "f", kept)[1]
        assert sum(bool(lease_of(name)) for name, _ in left) == LEASES
        booked = [r for name, rows in left if not lease_of(name) for r in rows]
        assert booked and sorted(booked, key=many.index) == many[: len(booked)]

    def test_no_name_of_what_is_left_is_given_again(self, tmp_path: Path) -> None:
        first, _ = InFlight.open(tmp_path / "f")
        (earlier,) = first.keep(row("one"))
        second, left = again(tmp_path / "f", first)
        (later,) = second.keep(row("two"))
        assert earlier != later and left == [(earlier, row("one"))]
        second.drop(earlier)
        assert again(tmp_path / "f", second)[1] == [(later, row("two"))]

    def test_rows_that_are_too_long_are_all_that_is_not_kept(self, tmp_path: Path) -> None:
        kept, _ = InFlight.open(tmp_path / "f")
        rows = [one("a"), *row("x" * SLOT), *(one(str(number)) for number in range(40))]
        assert len(kept.keep(rows)) > 2
        left = again(tmp_path / "f", kept)[1]
        assert {r.response_id for _, some in left for r in some} == {
            "a",
            *map(str, range(40)),
        }

    def test_nothing_owed_any_more_is_nothing_kept(self, tmp_path: Path) -> None:
        kept, _ = InFlight.open(tmp_path / "f")
        kept.put("a", row("one"))
        kept.put("a", [])
        assert again(tmp_path / "f", kept)[1] == []
