"""The clients that run inside bottles: both forms, through a CONNECT proxy, refused and not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_world.decode import FULL, from_chat, from_messages, from_responses
from tests.world import World

HERE = Path(__file__).resolve().parents[1] / "world"
NODE = shutil.which("node")
CLIENTS = {
    "python": [sys.executable, "-I", str(HERE / "bottle_client.py")],
    "node": [NODE or "node", str(HERE / "bottle_client.cjs")],
}
DENIAL = {"code": "route_denied", "reason": "no route allows this host"}


class Proxy:
    """A CONNECT proxy that sends every allowed host to one port and denies the rest with JSON."""

    def __init__(self, port: int, allowed: tuple[str, ...]) -> None:
        self._upstream, self._allowed = port, allowed
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = sock.recv(4096)
            if not data:  # a client that only looked whether somebody listens
                sock.close()
                return
            head += data
        host = head.split()[1].decode().partition(":")[0]
        if host not in self._allowed:
            body = json.dumps(DENIAL).encode()
            sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            sock.close()
            return
        other = socket.create_connection(("127.0.0.1", self._upstream))
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=pump, args=(sock, other), daemon=True).start()
        pump(other, sock)


def pump(source: socket.socket, target: socket.socket) -> None:
    """Copy until the end."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(world: World) -> Iterator[Proxy]:
    """The proxy of the test."""
    made = Proxy(world.tls_port, ("api.anthropic.com", "api.openai.com"))
    yield made
    made.close()


@pytest.fixture(params=CLIENTS)
def command(request: pytest.FixtureRequest) -> list[str]:
    """Either form of the client."""
    if request.param == "node" and NODE is None:
        pytest.skip("node is not installed")
    return list(CLIENTS[request.param])


def run(
    command: list[str], world: World, proxy: Proxy, *arguments: str, trust: bool = True
) -> list[dict[str, Any]]:
    """The lines that the client printed."""
    env = {"PATH": os.environ["PATH"], "HTTPS_PROXY": proxy.url, "ANTHROPIC_API_KEY": "placeholder"}
    if trust:
        env["NODE_EXTRA_CA_CERTS"] = str(world.ca_file)
    done = subprocess.run(
        [*command, *arguments], env=env, capture_output=True, text=True, timeout=60
    )
    lines = [json.loads(line) for line in done.stdout.split("\n") if line]
    last = lines[-1]
    assert done.returncode == int(not (last["status"] // 100 == 2 and "error" not in last))
    return lines


READERS = {"claude": from_messages, "codex": from_responses, "chat": from_chat}


@pytest.mark.parametrize("kind", READERS)
def test_it_streams_and_tells_the_usage_it_saw(
    command: list[str], world: World, proxy: Proxy, kind: str
) -> None:
    script = json.dumps({"usage": FULL, "events": 4})
    lines = run(command, world, proxy, kind, "--count", "2", "--script", script)
    assert [(line["n"], line["status"], line["complete"]) for line in lines] == [
        (1, 200, True),
        (2, 200, True),
    ]
    truth = world.requests()
    assert [READERS[kind](line["usage"]) for line in lines] == [r["reported"] for r in truth]
    assert all(line["events"] > 4 for line in lines)
    assert truth[0]["host"] in ("api.anthropic.com", "api.openai.com")
    secret = truth[0]["auth"].get("x-api-key") or truth[0]["auth"]["authorization"]
    assert "placeholder" in secret


def test_it_stops_at_the_first_refusal_and_shows_its_body(
    command: list[str], world: World, proxy: Proxy
) -> None:
    world.script(times=2)
    world.script(status=402, error={"message": "budget spent"})
    lines = run(command, world, proxy, "claude", "--count", "9", "--until-refused")
    assert [line["status"] for line in lines] == [200, 200, 402]
    assert lines[-1]["body"]["error"]["message"] == "budget spent"


def test_a_refused_tunnel_shows_the_proxys_own_words(
    command: list[str], world: World, proxy: Proxy
) -> None:
    (line,) = run(command, world, proxy, "get", "https://evil.example/")
    assert (line["status"], line["at"], line["body"]) == (403, "connect", DENIAL)
    assert world.truth()["connections"] == []


def test_a_cut_stream_is_an_error_with_the_usage_so_far(
    command: list[str], world: World, proxy: Proxy
) -> None:
    world.script(cut_after=4, usage=FULL)
    (line,) = run(command, world, proxy, "claude")
    assert line["status"] == 200
    assert line["error"]
    assert line["complete"] is False
    assert line["usage"]["input_tokens"] == 100


def test_a_silent_upstream_is_given_up_after_the_asked_time(
    command: list[str], world: World, proxy: Proxy
) -> None:
    world.script(stall_after=2, stall=30)
    (line,) = run(command, world, proxy, "claude", "--timeout", "0.5")
    assert line["error"]
    assert 400 < line["ms"] < 10_000


def test_an_untrusted_certificate_is_an_error(
    command: list[str], world: World, proxy: Proxy
) -> None:
    (line,) = run(command, world, proxy, "claude", trust=False)
    assert line["status"] == 0
    assert "error" in line
    assert world.requests() == []


def test_a_plain_get_returns_the_body(command: list[str], world: World, proxy: Proxy) -> None:
    (line,) = run(command, world, proxy, "get", "https://api.openai.com/echo?q=1")
    assert line["body"]["host"] == "api.openai.com"
    assert line["body"]["query"] == "q=1"
