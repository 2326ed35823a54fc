"""The metrics server: loopback only, one path, one method, and no way in by another name."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

import pytest

from botbottle.errors import UsageError
from botbottle.watch.serving import CLIENTS, CONTENT_TYPE, MetricsServer, address_of
from tests.support.live import eventually


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        ("localhost:0", ("127.0.0.1", 0)),
        ("127.0.0.7:80", ("127.0.0.7", 80)),
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_a_loopback_address_is_taken(text: str, address: tuple[str, int]) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize(
    "text",
    ["0.0.0.0:9464", "10.0.0.1:9464", "[::]:9464", "example.org:1", "127.0.0.1:", "x", "-1",
     "65536", "127.0.0.1:²", "2130706433:80", "127.0.0.1.example.org:80"],
)  # fmt: skip
def test_anything_else_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        address_of(text)


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    made = MetricsServer("127.0.0.1", 0, lambda: "bb_up 1\n")
    yield made
    made.close()


def ask(server: MetricsServer, method: str, path: str, host: str = "") -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    found = answer.status, answer.read(), answer.getheader("Content-Type", "")
    connection.close()
    return found


def test_metrics_are_served_to_local_names_only(server: MetricsServer) -> None:
    for host in ("", "localhost:9464", "127.0.0.1", "[::1]:80"):
        assert ask(server, "GET", "/metrics", host) == (200, b"bb_up 1\n", CONTENT_TYPE)
    for host in ("evil.example", "127.0.0.1.evil.example:9464", "localhost.evil.example"):
        status, body, _ = ask(server, "GET", "/metrics", host)
        assert status == 403 and b"bb_up" not in body


def test_there_is_nothing_else_to_ask_for(server: MetricsServer) -> None:
    assert ask(server, "GET", "/")[0] == 404
    assert ask(server, "GET", "/metrics/../etc/passwd")[0] == 404
    assert ask(server, "POST", "/metrics")[0] == 501


def test_it_listens_on_loopback_alone(server: MetricsServer) -> None:
    name = server._server.server_address[0]
    assert name == "127.0.0.1"


def test_too_many_clients_are_closed_and_one_who_left_makes_room(server: MetricsServer) -> None:
    waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(CLIENTS)]
    with socket.create_connection(("127.0.0.1", server.port)) as extra:
        extra.settimeout(30)
        assert extra.recv(1) == b"", "closed without a word"
    for client in waiting:
        client.close()

    def served() -> bool:
        try:
            return ask(server, "GET", "/metrics")[0] == 200
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return False

    eventually(served, 30)


def test_a_taken_port_is_a_usage_error(server: MetricsServer) -> None:
    with pytest.raises(UsageError, match=str(server.port)):
        MetricsServer("127.0.0.1", server.port, str)
