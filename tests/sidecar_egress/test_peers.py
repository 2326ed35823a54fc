"""The sidecar serves its own bottle's network, whichever of its addresses is called."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sidecar_egress.rig import SidecarProcess

OWN, STRANGE = "127.7.0.2", "127.8.0.2"


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SidecarProcess]:
    folder: Path = tmp_path_factory.mktemp("peers")
    running = SidecarProcess(folder, extra=["--peers", "127.7.0.0/28"])
    yield running
    running.stop()


def answer(sidecar: SidecarProcess, listener: str, source: str) -> bytes:
    address = ("127.0.0.1", sidecar.ports[listener])
    try:
        with socket.create_connection(address, 10, source_address=(source, 0)) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
            return peer.recv(100)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("listener", ["proxy", "plain"])
def test_a_neighbour_of_another_network_is_hung_up_on(
    sidecar: SidecarProcess, listener: str
) -> None:
    assert answer(sidecar, listener, STRANGE) == b""
    assert answer(sidecar, listener, OWN).startswith(b"HTTP/1.1 "), "the bottle is answered"


def test_who_is_hung_up_on_uses_nothing_up(sidecar: SidecarProcess) -> None:
    for _ in range(600):  # more than there may be connections
        answer(sidecar, "proxy", STRANGE)
    assert answer(sidecar, "proxy", OWN).startswith(b"HTTP/1.1 ")
    assert sidecar.errors() == [], "nor is it told in the log"
