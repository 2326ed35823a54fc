"""Signs of life: for a file's reader and for systemd, at most one a second, never a failure."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from botbottle.watch.heartbeat import Heartbeat, systemd


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_file_is_written_once_a_second_and_goes_at_the_end(tmp_path: Path) -> None:
    clock, told, file = Clock(), list[str](), tmp_path / "beat"
    heart = Heartbeat(file, told.append, clock)
    heart.beat()
    assert json.loads(file.read_text())["pid"] == os.getpid()
    assert file.stat().st_mode & 0o777 == 0o600 and list(tmp_path.iterdir()) == [file]
    file.unlink()
    clock.now = 0.9
    heart.beat()
    assert not file.exists()
    clock.now = 1.1
    heart.beat()
    assert file.exists() and told == ["WATCHDOG=1"] * 2
    heart.stopping()
    assert not file.exists() and told[-1] == "STOPPING=1"


def test_ready_comes_before_the_first_beat() -> None:
    told: list[str] = []
    Heartbeat(None, told.append).ready()
    assert told[0].startswith("READY=1\n") and told[1] == "WATCHDOG=1"


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    heart = Heartbeat(tmp_path / "gone/beat", told.append)
    heart.beat()
    heart.stopping()
    assert told == ["WATCHDOG=1", "STOPPING=1"]


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_gets_datagrams(tmp_path: Path, abstract: bool) -> None:
    name = f"bb-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name if abstract else name)
        manager.settimeout(30)
        systemd({"NOTIFY_SOCKET": f"@{name}" if abstract else name})("READY=1")
        assert manager.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "relative", "/nonexistent/socket"])
def test_without_a_service_manager_nothing_happens(address: str) -> None:
    systemd({"NOTIFY_SOCKET": address})("READY=1")
