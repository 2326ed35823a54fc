"""The host's client of the control socket, against a socket that answers what a test says."""

from __future__ import annotations

import json
import os
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from botbottle.control import (
    SidecarClient,
    SidecarRefused,
    SidecarUnreachable,
    connect,
    wait_ready,
)
from botbottle.control.channel import NobodyListens
from botbottle.errors import BBError
from botbottle.model.route import Auth, Route
from botbottle.model.sidecar_config import SidecarConfig
from tests.control.hostile import JUNK, MARK, MISSHAPEN, STATUS, WIDE


class Listener:
    """Answers each line with what ``reply`` gives; bytes are sent as they are."""

    def __init__(self, folder: Path, name: str = "control.sock") -> None:
        self.seen: list[dict[str, Any]] = []
        self.reply: Callable[[dict[str, Any]], Any] = lambda _: {"ok": True, "status": STATUS}
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(folder / name))
        self._server.listen()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                channel, _ = self._server.accept()
            except OSError:
                return
            self.channel = channel
            with channel, suppress(OSError):  # the client may have given up
                for line in channel.makefile("rb"):
                    self.seen.append(json.loads(line))
                    answer = self.reply(self.seen[-1])
                    whole = isinstance(answer, bytes)
                    channel.sendall(answer if whole else json.dumps(answer).encode() + b"\n")
                    if whole:
                        break

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    made = Listener(tmp_path)
    yield made
    made.close()


def test_the_status_is_read(listener: Listener, tmp_path: Path) -> None:
    with connect(tmp_path) as client:
        status = client.status()
        assert client.details()["streams"] == 3
    assert (status.config_hash, status.secrets, status.ready) == ("abc", (("T", "12345678"),), True)
    assert status.detail == "not configured"


def test_a_configuration_travels_whole(listener: Listener, tmp_path: Path) -> None:
    config = SidecarConfig("b", (Route("a.com", auth=Auth("Bearer", "T")),))
    listener.reply = lambda asked: {"ok": True, "status": {**STATUS, "config": config.to_wire()}}
    with connect(tmp_path) as client:
        status = client.configure(config, {"T": "value"}, b"\1\2")
    assert listener.seen[0] == {
        "op": "configure",
        "config": json.loads(json.dumps(config.to_wire())),
        "secrets": {"T": "value"},
        "hmac_key": "0102",
    }
    assert status.config == config


def test_as_wide_a_configuration_as_there_may_be_is_read(
    listener: Listener, tmp_path: Path
) -> None:
    listener.reply = lambda _: WIDE
    with connect(tmp_path) as client:
        config = client.status().config
    assert config is not None and len(config.routes[0].matches[0].paths) == 5000


def test_a_refusal_is_an_error_that_quotes_no_value(listener: Listener, tmp_path: Path) -> None:
    listener.reply = lambda _: {"ok": False, "error": "configure: host: bad"}
    with connect(tmp_path) as client, pytest.raises(SidecarRefused, match="host: bad") as caught:
        client.configure(SidecarConfig("b"), {"T": "sk-not-shown"}, b"k")
    assert "sk-not-shown" not in repr(caught.value)
    assert isinstance(caught.value, BBError)


@pytest.mark.parametrize("answer", [b"", b"rubbish\n", b'{"ok":'])
def test_a_broken_answer_is_unreachable(listener: Listener, tmp_path: Path, answer: bytes) -> None:
    listener.reply = lambda _: answer
    with connect(tmp_path) as client, pytest.raises(SidecarUnreachable):
        client.status()


def test_a_silent_sidecar_times_out(listener: Listener, tmp_path: Path) -> None:
    silent = threading.Event()
    listener.reply = lambda _: silent.wait(5) and b""
    with connect(tmp_path, timeout=0.1) as client, pytest.raises(SidecarUnreachable):
        client.status()
    silent.set()


def test_no_socket_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(SidecarUnreachable):
        connect(tmp_path)
    with pytest.raises(SidecarUnreachable):
        connect(tmp_path / "missing")
    with pytest.raises(SidecarUnreachable):
        wait_ready(tmp_path, seconds=0.05)


@pytest.mark.parametrize("kind", ["link", "link to a link", "file", "directory", "pipe"])
def test_what_a_sidecar_puts_in_the_sockets_place_leads_nowhere(
    listener: Listener, tmp_path: Path, kind: str
) -> None:
    """``listener`` is another bottle's: its routes and its cut are not this one's."""
    own = tmp_path / "own"
    own.mkdir()
    place = own / "control.sock"
    if kind.startswith("link"):
        (own / "next").symlink_to(tmp_path / "control.sock")
        place.symlink_to(tmp_path / "control.sock" if kind == "link" else own / "next")
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(place))  # whoever follows links arrives at the other one
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir() if kind == "directory" else place.write_text("")
    with pytest.raises(SidecarUnreachable, match="something else is in its place") as caught:
        connect(own)
    assert not isinstance(caught.value, NobodyListens)
    with connect(tmp_path) as client:
        assert client.status().ready


def test_a_directory_deeper_than_a_socket_address_is_reached(
    listener: Listener, tmp_path: Path
) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.parent.mkdir()
    deep.symlink_to(tmp_path)
    with connect(deep) as client:
        assert client.status().ready


def test_the_other_operations(listener: Listener, tmp_path: Path) -> None:
    answers: dict[str, Any] = {
        "vault_put": {"names": ["A"]},
        "vault_get": {"values": {"A": "1"}},
        "denials": {"denials": [{"code": "dlp"}]},
        "cut": {"streams": 2},
    }
    listener.reply = lambda asked: {"ok": True, **answers[asked["op"]]}
    with connect(tmp_path) as client:
        client.vault_put({"A": "1"})
        assert client.vault_get(["A"]) == {"A": "1"}
        assert client.denials(5) == [{"code": "dlp"}]
        assert client.cut("why") == 2
    assert [s["op"] for s in listener.seen] == list(answers)
    assert listener.seen[-1]["message"] == "why"


OPS: dict[str, Callable[[SidecarClient], object]] = {
    "status": lambda client: client.status(),
    "details": lambda client: client.details(),
    "configure": lambda client: client.configure(SidecarConfig("b"), {"T": "v"}, b"k"),
    "vault_put": lambda client: client.vault_put({"A": "1"}),
    "vault_get": lambda client: client.vault_get(),
    "denials": lambda client: client.denials(),
    "cut": lambda client: client.cut("why"),
}


def assert_unreachable(folder: Path, op: str) -> None:
    with connect(folder) as client, pytest.raises(SidecarUnreachable) as caught:
        OPS[op](client)
    shown = "".join(traceback.format_exception(caught.value))
    assert MARK not in shown and len(shown) < 5000


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("op", OPS)
def test_junk_is_no_answer_to_any_question_and_is_not_quoted(
    listener: Listener, tmp_path: Path, op: str, junk: bytes
) -> None:
    listener.reply = lambda _: junk
    assert_unreachable(tmp_path, op)


@pytest.mark.parametrize(
    ("op", "answer"), [(op, answer) for op in MISSHAPEN for answer in MISSHAPEN[op]]
)
def test_a_part_of_another_shape_is_no_answer(
    listener: Listener, tmp_path: Path, op: str, answer: bytes
) -> None:
    listener.reply = lambda _: answer
    assert_unreachable(tmp_path, op)


def test_what_follows_a_configuration_is_judged_as_strictly(
    listener: Listener, tmp_path: Path
) -> None:
    listener.reply = lambda asked: {"ok": True} if asked["op"] == "configure" else b'{"ok":true}\n'
    assert_unreachable(tmp_path, "configure")


def test_text_that_no_encoding_can_write_is_replaced_and_hides_no_denial(
    listener: Listener, tmp_path: Path
) -> None:
    listener.reply = lambda _: b'{"ok":true,"denials":[{"path":"/\\udcFF\\ud83d\\ude00"}]}\n'
    with connect(tmp_path) as client:
        assert client.denials() == [{"path": "/?\U0001f600"}]


def test_the_text_of_a_refusal_is_bounded(listener: Listener, tmp_path: Path) -> None:
    listener.reply = lambda _: {"ok": False, "error": "x" * 1_000_000}
    with connect(tmp_path) as client, pytest.raises(SidecarRefused) as caught:
        client.status()
    assert len(str(caught.value)) < 2000


def test_an_answer_without_end_is_given_up(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botbottle.control.channel.MAX_REPLY", 100_000)
    listener.reply = lambda _: b"x" * 500_000
    assert_unreachable(tmp_path, "status")


def test_wait_ready_waits(tmp_path: Path) -> None:
    timer = threading.Timer(0.2, lambda: made.append(Listener(tmp_path)))
    made: list[Listener] = []
    timer.start()
    assert wait_ready(tmp_path, seconds=5).ready
    made[0].close()
