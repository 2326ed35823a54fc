"""TLS is opened and sealed without mitmproxy's layers, and gives what they gave."""

from __future__ import annotations

import hashlib
import resource
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from OpenSSL import SSL

from botbottle.sidecar.egress.authority import Authority, open_authority
from botbottle.sidecar.egress.channel import Broken, Channel
from botbottle.sidecar.egress.tls import AgentSide
from tests.sidecar_egress.raw_client import code_of, get, read
from tests.sidecar_egress.raw_upstream import some
from tests.sidecar_egress.rig import EXAMPLE, Rig, until


class Pair:
    """A channel and the standard library's client of it."""

    def __init__(self, side: AgentSide, trust: str) -> None:
        server = side.connection("api.example.com")
        context = ssl.create_default_context(cadata=trust)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = context.wrap_bio(self.incoming, self.outgoing, server_hostname=EXAMPLE)
        for _ in range(3):
            with suppress(ssl.SSLWantReadError):
                self.client.do_handshake()
            if sent := self.outgoing.read():
                server.bio_write(sent)
            with suppress(SSL.WantReadError):
                server.do_handshake()
            with suppress(SSL.WantReadError):
                self.incoming.write(server.bio_read(65536))
        self.channel = Channel(server)

    def say(self, data: bytes) -> bytes:
        """Ciphertext of the client's."""
        self.client.write(data)
        return self.outgoing.read()

    def hear(self, sealed: bytes) -> bytes:
        self.incoming.write(sealed)
        found = b""
        with suppress(ssl.SSLWantReadError):
            while piece := self.client.read(65536):
                found += piece
        return found


@pytest.fixture
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return open_authority(tmp_path_factory.mktemp("ca"), "test")


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return Pair(AgentSide(authority), authority.pem.decode())


@pytest.mark.parametrize("size", [1, 16384, 16385, 65536, 65537, 300_000])
def test_both_directions_carry_every_size(pair: Pair, size: int) -> None:
    data = bytes(i * 7 % 251 for i in range(size))
    assert pair.channel.open(pair.say(data)) == data
    assert pair.hear(pair.channel.seal(data)) == data
    assert not pair.channel.ended


def test_a_record_in_pieces_is_opened_when_it_is_whole(pair: Pair) -> None:
    sealed = pair.say(b"hello")
    assert pair.channel.open(sealed[:9]) == b""
    assert pair.channel.open(sealed[9:]) == b"hello"


def test_what_came_before_the_peers_end_is_still_opened(pair: Pair) -> None:
    sealed = pair.say(b"last words")
    with suppress(ssl.SSLWantReadError):
        pair.client.unwrap()
    assert pair.channel.open(sealed + pair.outgoing.read()) == b"last words"
    assert pair.channel.ended


def test_what_was_carried_leaves_no_room_behind_that_is_as_large(authority: Authority) -> None:
    """OpenSSL's buffers are as large as the most they ever held, as long as a connection lasts."""
    data, before, pairs = bytes(8 * 1024 * 1024), _resident(), []
    for _ in range(8):
        pairs.append(Pair(AgentSide(authority), authority.pem.decode()))
        assert len(pairs[-1].channel.seal(data)) > len(data)
    grown, carried = _resident() - before, len(data) * len(pairs)
    assert grown < carried // 2


def _resident() -> int:
    """Bytes of this process's memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def test_what_follows_the_peers_end_is_nothing_and_is_not_kept(pair: Pair) -> None:
    with suppress(ssl.SSLWantReadError):
        pair.client.unwrap()
    assert pair.channel.open(pair.outgoing.read()) == b"" and pair.channel.ended
    for _ in range(8):
        assert pair.channel.open(b"z" * 65536) == b""
    assert unread(pair) == 0
    pair.channel._held.bio_write(b"z")  # the control: what waits is seen
    assert unread(pair) == 1


def unread(pair: Pair) -> int:
    """Bytes that wait to be opened."""
    return int(SSL._lib.BIO_get_mem_data(pair.channel._in, SSL._ffi.new("char **")))  # type: ignore[attr-defined]


def test_a_changed_record_breaks_the_channel(pair: Pair) -> None:
    sealed = bytearray(pair.say(b"hello"))
    sealed[-1] ^= 1
    with pytest.raises(Broken):
        pair.channel.open(bytes(sealed))


def test_small_writes_of_one_step_are_one_record(pair: Pair) -> None:
    sealed = pair.channel.seal(b"x" * 16000)
    assert int.from_bytes(sealed[3:5]) + 5 == len(sealed)


def test_a_garbled_record_ends_the_connection_and_reaches_nobody(rig: Rig) -> None:
    rig.configure(rig.route(EXAMPLE))
    with rig.tunnel(EXAMPLE) as tls:
        tls.sendall(f"GET /a HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode())
        while b"}" not in some(tls):
            pass
        raw = socket.socket(fileno=tls.detach())
    with raw:
        raw.sendall(b"\x17\x03\x03\x00\x20" + b"z" * 32 + get("/b"))
        assert code_of(read(raw)) == ""
        until(lambda: not _open(rig), "the sidecar to let go of the connection")
    assert [r["path"] for r in rig.world.requests()] == ["/a"]


def _open(rig: Rig) -> int:
    with rig.sidecar.control() as control:
        return int(control.details()["connections"])


def test_a_large_body_arrives_whole(rig: Rig) -> None:
    rig.configure(rig.route(EXAMPLE))
    body = b"0123456789abcdef" * 60_000
    with rig.tunnel(EXAMPLE) as tls:
        head = f"POST /big HTTP/1.1\r\nHost: {EXAMPLE}\r\nContent-Length: {len(body)}\r\n"
        tls.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)
        assert code_of(read(tls)) == ""
    (request,) = rig.world.requests()
    assert request["body_sha256"] == hashlib.sha256(body).hexdigest()
