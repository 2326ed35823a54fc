"""Asking many sidecars at once: each answer belongs to its sidecar, and one that is silent, gone or
broken costs nobody else theirs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from botbottle.control import adapter
from botbottle.control.adapter import ControlClient
from tests.control.test_client import STATUS, Listener


def called(config_hash: str, _: object) -> dict[str, object]:
    return {"ok": True, "status": {**STATUS, "config_hash": config_hash}}


def fleet(root: Path, count: int) -> list[Listener]:
    made = []
    for number in range(count):
        folder = root / f"s{number}"
        folder.mkdir()
        listener = Listener(folder)
        listener.reply = partial(called, f"h{number}")
        made.append(listener)
    return made


def test_each_sidecar_of_many_gives_its_own_status_in_order(tmp_path: Path) -> None:
    count = 3 * adapter.AT_ONCE + 1
    listeners = fleet(tmp_path, count)
    found = ControlClient("").statuses([str(tmp_path / f"s{n}") for n in range(count)])
    assert [s.config_hash for s in found if s] == [f"h{n}" for n in range(count)]
    for listener in listeners:
        listener.close()


def test_a_sidecar_that_says_nothing_of_use_has_no_status_and_the_others_have_theirs(
    tmp_path: Path,
) -> None:
    listeners = fleet(tmp_path, 4)
    listeners[0].reply = lambda _: b""  # hangs up
    listeners[1].reply = lambda _: {"ok": False, "error": "no"}
    listeners[2].reply = lambda _: b"not JSON\n"
    gone = tmp_path / "gone"
    found = ControlClient("").statuses([*(str(tmp_path / f"s{n}") for n in range(4)), str(gone)])
    assert [s and s.config_hash for s in found] == [None, None, None, "h3", None]
    for listener in listeners:
        listener.close()


def test_nobody_to_ask_is_an_empty_list() -> None:
    assert ControlClient("").statuses([]) == []
