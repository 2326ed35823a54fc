"""Asking many sidecars at once: each answer belongs to its sidecar, and one that is silent, gone or
broken costs nobody else theirs."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from botbottle.control import SidecarUnreachable, connect, gathering
from botbottle.control.adapter import TIMEOUT, ControlClient
from botbottle.control.channel import Channel
from botbottle.model.sidecar_config import fingerprint
from tests.control.hostile import JUNK, MISSHAPEN, STATUS
from tests.control.test_client import Listener


def called(config_hash: str, _: object) -> dict[str, object]:
    return {"ok": True, "status": {**STATUS, "config_hash": config_hash}}


def said(junk: bytes, _: object) -> bytes:
    return junk


def fleet(root: Path, count: int) -> list[Listener]:
    made = []
    for number in range(count):
        folder = root / f"s{number}"
        folder.mkdir()
        listener = Listener(folder)
        listener.reply = partial(called, f"h{number}")
        made.append(listener)
    return made


def test_each_sidecar_of_many_gives_its_own_status_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "AT_ONCE", 4)
    count = 3 * gathering.AT_ONCE + 1
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


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """Listeners wait for it before they answer."""
    made = threading.Event()
    yield made
    made.set()


def test_all_hung_sidecars_share_one_time_out_and_the_others_are_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hung: threading.Event
) -> None:
    """The clock stands still until the last sidecar has answered, and is at the deadline then:
    whoever is waited for after that has a time-out of his own."""
    listeners = fleet(tmp_path, 6)
    for listener in listeners[:5]:
        listener.reply = lambda _: hung.wait(30) and b""
    answered: list[Channel] = []
    plain = Channel.receive

    def receive(self: Channel, seconds: float) -> bool:
        done = plain(self, seconds)
        if done:
            answered.append(self)
        return done

    waits: list[float] = []

    def clock() -> float:
        waits.append(TIMEOUT if answered else 0.0)
        return waits[-1]

    monkeypatch.setattr(Channel, "receive", receive)
    monkeypatch.setattr(gathering, "monotonic", clock)
    found = ControlClient("").statuses([str(tmp_path / f"s{n}") for n in range(6)])
    assert [s and s.config_hash for s in found] == [None] * 5 + ["h5"]
    assert waits[-1] == TIMEOUT and waits.count(TIMEOUT) == 1
    for listener in listeners:
        listener.close()


class Dripping(Listener):
    """Sends one byte after another and never a whole line."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.over = threading.Event()
        self.reply = self._drip

    def _drip(self, _: object) -> bytes:
        while not self.over.wait(0.001):
            self.channel.sendall(b"x")
        return b""


def ticking(step: float) -> Iterator[float]:
    now = 0.0
    while True:
        yield now
        now += step


def test_a_dripping_sidecar_is_given_up_like_a_silent_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dripping = Dripping(tmp_path)
    times = ticking(TIMEOUT / 10)
    monkeypatch.setattr(gathering, "monotonic", lambda: next(times))
    assert ControlClient("").statuses([str(tmp_path)]) == [None]
    assert next(times) <= TIMEOUT * 1.2
    dripping.over.set()
    dripping.close()


def test_one_answer_of_a_dripping_sidecar_ends_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dripping = Dripping(tmp_path)
    times = ticking(0.5)
    monkeypatch.setattr("botbottle.control.channel.monotonic", lambda: next(times))
    with connect(tmp_path, timeout=5) as client, pytest.raises(SidecarUnreachable):
        client.status()
    assert next(times) <= 6
    dripping.over.set()
    dripping.close()


@pytest.mark.parametrize("junk", [*JUNK, *MISSHAPEN["status"], *MISSHAPEN["cut"]])
def test_a_hostile_sidecar_has_no_status_and_is_told_when_cut_and_the_others_are_as_ever(
    tmp_path: Path, junk: bytes
) -> None:
    listeners = fleet(tmp_path, 3)
    listeners[0].reply = lambda _: junk
    folders = [str(tmp_path / f"s{n}") for n in range(3)]
    found = ControlClient("").statuses(folders)
    assert [s and s.config_hash for s in found] == [None, "h1", "h2"]
    for listener in listeners[1:]:
        listener.reply = lambda _: {"ok": True, "streams": 2}
    troubles = ControlClient("").cut([*folders, str(tmp_path / "nobody")], "why")
    assert isinstance(troubles[0], SidecarUnreachable) and troubles[1:] == [None, None, None]
    assert [listener.seen[-1]["op"] for listener in listeners] == ["cut"] * 3
    for listener in listeners:
        listener.close()


def test_a_refused_cut_is_told(tmp_path: Path) -> None:
    (listener,) = fleet(tmp_path, 1)
    listener.reply = lambda _: {"ok": False, "error": "not now"}
    (trouble,) = ControlClient("").cut([str(tmp_path / "s0")], "why")
    assert "not now" in str(trouble)
    listener.close()


@pytest.mark.parametrize("junk", JUNK)
def test_variables_kept_in_a_hostile_sidecar_are_none(tmp_path: Path, junk: bytes) -> None:
    (listener,) = fleet(tmp_path, 1)
    listener.reply = lambda _: junk
    assert ControlClient("").kept_env([str(tmp_path / "s0")]) == [{}]
    listener.close()


def test_variables_of_many_are_asked_for_together_and_kept_apart(
    tmp_path: Path, hung: threading.Event
) -> None:
    """The one that hangs is asked first, and answers only after the other was asked."""
    first, second = fleet(tmp_path, 2)
    first.reply = lambda _: hung.wait(30) and {"ok": True, "values": {"A": "1"}}
    second.reply = lambda _: hung.set() or {"ok": True, "values": {"B": "2"}}
    found = ControlClient("").kept_env([str(tmp_path / "s0"), str(tmp_path / "s1")])
    assert found == [{"A": "1"}, {"B": "2"}]
    first.close()
    second.close()


def test_a_sidecar_that_lets_nobody_in_is_not_one_that_is_gone(tmp_path: Path) -> None:
    """Its queue is full: its streams may go on, so whoever wanted to cut them is told."""
    with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as waiting:
        full.bind(str(tmp_path / "control.sock"))
        full.listen(0)
        waiting.connect(str(tmp_path / "control.sock"))
        (trouble,) = ControlClient("").cut([str(tmp_path)], "")
        assert isinstance(trouble, SidecarUnreachable)
    assert ControlClient("").cut([str(tmp_path)], "") == [None], "now nobody listens"
    assert ControlClient("").cut([str(tmp_path / "no")], "") == [None]


def service(folder: Path, password: str) -> Listener:
    """A ledger service that uses ``password``."""
    made = Listener(folder, "service.sock")
    made.reply = lambda asked: {
        "ok": True,
        "password": fingerprint(str(asked["nonce"]).encode(), password),
    }
    return made


def test_one_hello_says_whether_the_ledger_service_has_another_password(tmp_path: Path) -> None:
    made, control = service(tmp_path, "right"), ControlClient(str(tmp_path))
    assert not control.ledger_locked("right") and control.ledger_locked("wrong")
    assert not control.ledger_locked()
    assert len(made.seen) == 3
    assert control.ledger_answers("right") and not control.ledger_answers("wrong")
    made.reply = lambda _: {"ok": False, "code": "locked"}
    assert control.ledger_locked() and control.ledger_locked("right")
    made.close()


def test_a_ledger_service_that_says_nothing_of_use_neither_answers_nor_is_locked(
    tmp_path: Path,
) -> None:
    made, control = Listener(tmp_path, "service.sock"), ControlClient(str(tmp_path))
    for junk in JUNK:
        made.reply = partial(said, junk)
        assert not control.ledger_answers() and not control.ledger_locked("x")
    made.close()
