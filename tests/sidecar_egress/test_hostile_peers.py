"""An agent in league with an upstream: neither can make the sidecar keep more than it bounds, drop
what it puts in, or answer for a response that has not come."""

from __future__ import annotations

import contextlib
import socket
import threading

import h2.settings
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

from botbottle.model.route import Auth
from botbottle.sidecar.egress import room, stripping
from botbottle.sidecar.egress.denial import LONGEST, Denial
from botbottle.sidecar.egress.target import MAX_PATH, canonical_host, canonical_path
from botbottle.sidecar.egress.windows import TABLE, Windowed
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import code_of, exchange, get, read
from tests.sidecar_egress.raw_upstream import RawUpstream
from tests.sidecar_egress.rig import EXAMPLE, Rig, until

MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def asked(rig: Rig, far: RawUpstream, request: bytes) -> bytes:
    """What comes back for a request to this upstream."""
    with rig.tunnel(EXAMPLE, port=far.port) as tls:
        tls.sendall(request)
        return read(tls)


class TestUpstreams:
    """What an upstream in league with the agent may send."""

    @pytest.mark.parametrize(
        "start",
        [
            b"HTTP/1.1 200 OK\r\nX: ",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ",
        ],
        ids=["head", "chunk-extension", "trailers"],
    )
    def test_a_line_without_an_end_is_not_kept(self, rig: Rig, start: bytes) -> None:
        ended = threading.Event()

        def talk(peer: socket.socket, head: bytes) -> None:
            try:
                peer.sendall(start)
                for _ in range(64):
                    peer.sendall(b"a" * MIB)
            except OSError:
                ended.set()
                raise

        with RawUpstream(rig.world.authority, EXAMPLE, talk) as far:
            rig.configure(rig.route(EXAMPLE, port=far.port))
            reply = asked(rig, far, get())
            assert ended.wait(30), "the upstream could send all of it"
            if start.endswith(b"X: ") and b"chunked" not in start:
                assert code_of(reply) == "upstream-protocol"

    @pytest.mark.parametrize("early", [1, 3000])
    def test_informational_responses_are_not_the_answer(self, rig: Rig, early: int) -> None:
        def talk(peer: socket.socket, head: bytes) -> None:
            hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
            peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + hints * early + OK)

        with RawUpstream(rig.world.authority, EXAMPLE, talk) as far:
            rig.configure(rig.route(EXAMPLE, port=far.port))
            assert asked(rig, far, get()).startswith(b"HTTP/1.1 200 OK")

    def test_more_than_was_asked_for_is_no_answer_to_the_next(self, rig: Rig) -> None:
        def talk(peer: socket.socket, head: bytes) -> None:
            peer.sendall(OK + OK.replace(b"ok", b"no"))

        with RawUpstream(rig.world.authority, EXAMPLE, talk) as far:
            rig.configure(rig.route(EXAMPLE, port=far.port))
            with rig.tunnel(EXAMPLE, port=far.port) as tls:
                keep = f"GET /x HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode()
                tls.settimeout(30)
                tls.sendall(keep)
                reply = b""
                while not reply.endswith(b"ok") and (data := tls.recv(4096)):
                    reply += data
                assert reply.endswith(b"ok")
                tls.sendall(keep)
                reply = b""
                while not reply.endswith(b"ok") and (data := tls.recv(4096)):
                    reply += data
                assert b"no" not in reply


class TestHeaders:
    """What an agent's headers may do to those that are put in."""

    def test_a_connection_header_names_no_credential(self, rig: Rig) -> None:
        rig.configure(rig.route(EXAMPLE, auth=Auth("Bearer", "T")), secrets={"T": "t-0123456789"})
        extra = "Connection: authorization, X-Other\r\nX-Other: 1\r\n"
        assert code_of(exchange(rig, get(extra=extra))) == ""
        (request,) = rig.world.requests()
        headers = [(n.lower(), v) for n, v in request["headers"]]
        assert ("authorization", "Bearer t-0123456789") in headers
        assert {v.lower() for n, v in headers if n == "connection"} == {"close"}

    @pytest.mark.parametrize("name", [b"x_api_key", b"X-Api_Key", b"Proxy_Authorization"])
    def test_a_credential_under_an_underscore_is_one(self, name: bytes) -> None:
        assert stripping.strip(((name, b"mine"), (b"x_other", b"1")), "").headers == (
            (b"x_other", b"1"),
        )

    def test_an_upgrade_is_still_one(self) -> None:
        field = (b"Connection", b"keep-alive, Upgrade, te")
        assert stripping.unnamed((field,)) == ((b"Connection", b"keep-alive, Upgrade"),)


class TestMemory:
    """What stays here of what an agent sends."""

    def test_long_names_and_paths_are_not_remembered(self) -> None:
        for kept in (canonical_host, canonical_path):
            kept.cache_clear()
            long = "/" + "a" * 100_000
            assert kept(long) is not None
            assert kept.cache_info().currsize == 0
            kept("/short")
            assert kept.cache_info().currsize == 1

    def test_a_denial_holds_the_beginning_of_a_long_path(self, rig: Rig) -> None:
        rig.configure(rig.route(EXAMPLE))
        path, evil = "/" + "a" * (MAX_PATH - 1), "evil.example.com"
        for sent, code in ((path + "b" * 200_000, "too-large"), (path, "no-route")):
            reply = exchange(rig, get(sent, host=evil), host=evil)
            assert code_of(reply) == code
            assert len(reply) < 4 * LONGEST
        with rig.sidecar.control() as control:
            last = control.denials(1)[-1]
            assert last["path"] == path[:LONGEST]
            assert control.status().ledger
        assert Denial("no-route", "x").at("GET", "h", 443, path).path == path[:LONGEST]

    def test_a_header_table_is_no_larger_than_the_default(self) -> None:
        ours, theirs = (Windowed(H2Configuration(client_side=c), 65536) for c in (False, True))
        plain = H2Connection(H2Configuration(client_side=True))
        plain.initiate_connection()
        plain.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 2**32 - 1})
        ours.initiate_connection()  # type: ignore[no-untyped-call]
        ours.receive_data(plain.data_to_send())
        assert ours.encoder.header_table_size == TABLE
        plain.update_settings({h2.settings.SettingCodes.HEADER_TABLE_SIZE: 100})
        ours.receive_data(plain.data_to_send())
        assert ours.encoder.header_table_size == 100
        assert theirs.encoder.header_table_size <= TABLE

    def test_bodies_that_are_kept_are_bounded_together(
        self, inside: Inside, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(room, "MAX_KEPT", 6 * MIB)
        port = inside.world.tls_port
        head = f"POST /x HTTP/1.1\r\nHost: {EXAMPLE}:{port}\r\nContent-Length: {4 * MIB}\r\n\r\n"
        with inside.tunnel(EXAMPLE, port, "http/1.1") as first:
            first.sendall(head.encode() + b"x" * (4 * MIB - 1))
            until(lambda: inside.sidecar.kept() >= 4 * MIB - 1, "all of the first body")
            with inside.tunnel(EXAMPLE, port, "http/1.1") as second:
                with contextlib.suppress(OSError):
                    second.sendall(head.encode() + b"x" * (4 * MIB - 1))
                assert code_of(read(second)) == "too-large"
            until(lambda: inside.sidecar.kept() < 5 * MIB, "the second body to go")
            first.sendall(b"x")
            assert code_of(read(first)) == ""

    def test_connections_are_bounded(self, inside: Inside) -> None:
        inside.sidecar.most_agents = 3
        address = ("127.0.0.1", inside.app.ports["proxy"])
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(socket.create_connection(address, 10))
            until(lambda: len(inside.sidecar.drivers) == 3, "the connections")
            with socket.create_connection(address, 10) as more:
                assert more.recv(1) == b""
        until(lambda: not inside.sidecar.drivers, "their end")
        assert inside.get() == 404
