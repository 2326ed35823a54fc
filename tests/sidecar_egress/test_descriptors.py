"""An agent takes no descriptor that the control socket needs: whatever it can make more of has a
bound, and a cut can be given while all of them are used up."""

from __future__ import annotations

import resource
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived
from mitmproxy.connection import Server

from botbottle.model.route import Route
from botbottle.sidecar.egress import descriptors, dns
from botbottle.sidecar.egress.descriptors import (
    AGENTS,
    ALL,
    EACH,
    Crowded,
    Places,
    Upstreams,
    bounds,
)
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import some
from tests.sidecar_egress.rig import EXAMPLE, Rig, SidecarProcess, until
from tests.sidecar_egress.test_dns import query
from tests.world.ca import Authority

FEW = 200  # descriptors of a container on an engine that is set so
OWN = 90  # of the sidecar itself: listeners, ledger, control connections, files, what is on its way


@pytest.mark.parametrize("limit", [0, 64, 128, 200, 256, 512, 1023, 1024, 2**20, -1])
def test_all_of_them_together_fit_into_what_a_container_has(limit: int) -> None:
    """-1 is RLIM_INFINITY."""
    most = bounds(limit)
    assert 0 <= most.agents <= AGENTS and 0 <= most.upstreams <= ALL
    if limit >= 1024 or limit < 0:
        assert (most.agents, most.upstreams) == (AGENTS, ALL), "no more is useful"
    if 128 < limit <= 1024:
        assert most.agents + most.upstreams + dns.MOST + OWN <= limit
        assert most.agents > most.upstreams > 0


def test_one_agents_connection_may_not_have_all() -> None:
    assert EACH <= ALL


class TestPlaces:
    def test_those_of_one_connection_and_of_all_are_bounded(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(descriptors, "EACH", 2)
        everybody = Upstreams(3)
        first, second = Places(everybody), Places(everybody)
        a, b, c, d = (Server(address=("x", 1)) for _ in range(4))
        first.take(a)
        first.take(b)
        with pytest.raises(Crowded, match="upstream: "):
            first.take(c)
        second.take(c)
        with pytest.raises(Crowded):
            second.take(d)
        for _ in range(2):  # told twice: it failed, and it is over
            first.leave(a)
        second.take(d)
        assert everybody.count == 3
        for places, each in ((first, b), (second, c), (second, d), (second, a)):
            places.leave(each)
        assert everybody.count == 0


class Silent:
    """An upstream of HTTP/1 that takes connections and never answers."""

    def __init__(self, authority: Authority) -> None:
        self._context = authority._load(authority.leaf(EXAMPLE))
        self._context.set_alpn_protocols(["http/1.1"])
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self.held: list[ssl.SSLSocket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                raw, _ = self._listener.accept()
                self.held.append(self._context.wrap_socket(raw, server_side=True))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self.held:
            each.close()


@pytest.fixture
def silent(inside: Inside) -> Iterator[Silent]:
    made = Silent(inside.world.authority)
    inside.deliver(Route(EXAMPLE, made.port, allow_private=True))
    yield made
    made.close()


class Agent:
    """HTTP/2 of an agent, with a request on each stream."""

    def __init__(self, inside: Inside, port: int) -> None:
        self._tls = inside.tunnel(EXAMPLE, port)
        self._host = f"{EXAMPLE}:{port}"
        self._conn = H2Connection(H2Configuration())
        self._conn.initiate_connection()
        self.codes: dict[int, str] = {}
        self.said = b""

    def ask(self, count: int) -> None:
        fields = {":method": "GET", ":scheme": "https", ":path": "/", ":authority": self._host}
        for _ in range(count):
            number = self._conn.get_next_available_stream_id()
            self._conn.send_headers(number, list(fields.items()), end_stream=True)
        self._tls.sendall(self._conn.data_to_send())

    def wait(self, done: Callable[[], bool]) -> None:
        while not done():
            for event in self._conn.receive_data(some(self._tls)):
                self._note(event)

    def _note(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            fields = dict(event.headers or ())
            self.codes[event.stream_id] = fields[b"x-botbottle-denied"].decode()
        if isinstance(event, DataReceived):
            self.said += event.data

    def close(self) -> None:
        self._tls.close()


@pytest.mark.parametrize("bound", ["EACH", "ALL"])
def test_streams_beyond_the_bound_get_no_connection_of_their_own(
    inside: Inside, silent: Silent, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    if bound == "EACH":
        monkeypatch.setattr(descriptors, "EACH", 4)
    else:
        inside.sidecar.upstreams.most = 4
    agents = [Agent(inside, silent.port) for _ in range(1 if bound == "EACH" else 2)]
    agents[0].ask(4 if bound == "ALL" else 6)
    until(lambda: len(silent.held) == 4, "as many connections as there may be")
    if bound == "ALL":
        agents[1].ask(2)
    last = agents[-1]
    last.wait(lambda: len(last.codes) == 2)
    assert set(last.codes.values()) == {"upstream"}
    assert last.said.count(b"too many connections") == 4, "reason and message of two"
    assert inside.sidecar.upstreams.count == len(silent.held) == 4
    silent.held.pop().close()
    until(lambda: inside.sidecar.upstreams.count == 3, "a place to be left")
    last.ask(1)
    until(lambda: len(silent.held) == 4, "another one to take it")
    for each in agents:
        each.close()
    until(lambda: inside.sidecar.upstreams.count == 0, "the places of agents that left")


def test_the_control_socket_answers_while_the_dns_is_flooded(own: Rig) -> None:
    process = own.sidecar.process
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (160, 160))
    where = ("127.0.0.1", own.sidecar.ports["dns"])
    asked = query("api.example.com")
    with ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(where, timeout=30))
        with own.sidecar.control() as control:
            until(lambda: control.status().ready, "the control socket")
        until(lambda: descriptors_of(process.pid) < 100, "the excess to be closed")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(10)
            udp.sendto(asked, where)
            assert udp.recv(512).endswith(bytes([127, 0, 0, 1]))
    until(lambda: answers(where, asked), "connections of others to be served again")


def descriptors_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def answers(where: tuple[str, int], asked: bytes) -> bool:
    try:
        with socket.create_connection(where, timeout=5) as tcp:
            tcp.sendall(struct.pack("!H", len(asked)) + asked)
            tcp.shutdown(socket.SHUT_WR)
            return tcp.makefile("rb").read().endswith(bytes([127, 0, 0, 1]))
    except ConnectionError:
        return False


def test_the_soft_limit_is_raised_to_the_hard_one(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(256, soft)
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
    try:
        started = SidecarProcess(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        assert resource.prlimit(started.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        started.stop()


class Poor(SidecarProcess):
    """A sidecar whose engine gives it fewer descriptors than most."""

    def _command(self) -> list[str]:
        limited = f'ulimit -n {FEW} && exec "$@"'  # the soft and the hard one
        return ["/bin/sh", "-c", limited, "sh", *super()._command()]


def test_a_cut_is_carried_out_where_a_container_has_few_and_the_agent_takes_all_it_gets(
    tmp_path: Path,
) -> None:
    poor = Poor(tmp_path)
    try:
        where = ("127.0.0.1", poor.ports["proxy"])
        with ExitStack() as stack:
            agents = [stack.enter_context(socket.create_connection(where, 30)) for _ in range(FEW)]
            with poor.control() as control:
                most = bounds(FEW).agents
                until(lambda: control.details()["connections"] == most, "all that there may be")
                # Those beyond were hung up on: none waits to be accepted after the cut.
                assert [each.recv(1) for each in agents[most:]] == [b""] * (FEW - most)
                control.cut("stop")
            assert [each.recv(1) for each in agents[:most]] == [b""] * most
        with socket.create_connection(where, 30) as again, poor.control():
            again.sendall(b"GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"not-configured" in again.recv(4096)
    finally:
        poor.stop()
