"""What is kept whole is bounded for all connections together, however small its pieces are."""

from __future__ import annotations

import ssl

import h2.config
import h2.connection
import pytest
from h2.events import RemoteSettingsChanged, ResponseReceived, StreamReset
from wsproto.events import AcceptConnection, BytesMessage
from wsproto.frame_protocol import FrameProtocol, Opcode

from botbottle.dlp import OUTBOUND, Scanner
from botbottle.model.route import Auth, Dlp, Route
from botbottle.sidecar.egress import frames, room
from botbottle.sidecar.egress.grpc import Conversation
from botbottle.sidecar.egress.passing import Passing
from botbottle.sidecar.egress.room import Room
from botbottle.sidecar.egress.upload import Upload
from tests.sidecar_egress.inside import SECRET, Inside
from tests.sidecar_egress.raw_client import code_of, get, read
from tests.sidecar_egress.raw_upstream import RawUpstream, answering, some
from tests.sidecar_egress.rig import EXAMPLE, until
from tests.sidecar_egress.ws_client import Socket

MIB = 1024 * 1024
PIECE = 100 * 1024  # bytes of each body: less than a step


@pytest.fixture
def small(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> Inside:
    monkeypatch.setattr(room, "MAX_KEPT", 2 * MIB)
    return inside


class TestCounting:
    """When it is looked at how much there is."""

    def test_many_small_ones_are_counted_like_a_large_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = [0]
        here = Room(lambda: kept[0])
        for _ in range(room.MAX_KEPT // 1024):
            kept[0] += 1024
            assert not here.full(1024)
        kept[0] += room.STEP
        assert here.full(room.STEP)

    def test_what_is_refused_makes_room_again(self) -> None:
        kept = [room.MAX_KEPT + 1]
        here = Room(lambda: kept[0])
        assert here.full(room.STEP)
        kept[0] = 0
        until(lambda: not here.full(0), "the next count")

    def test_a_flood_of_refusals_does_not_spend_the_time_with_counting(self) -> None:
        now = [0.0]

        def count() -> int:
            now[0] += 0.001
            return room.MAX_KEPT + 1

        here = Room(count, lambda: now[0])
        assert here.full(room.STEP)
        spent = now[0]
        for _ in range(1000):
            assert here.full(1)
            now[0] += 0.001
        counted = now[0] - spent - 1.0
        assert 0 < counted < 0.06


def ready(tls: ssl.SSLSocket) -> h2.connection.H2Connection:
    """An HTTP/2 connection that knows how much it may send."""
    conn = h2.connection.H2Connection(h2.config.H2Configuration())
    conn.initiate_connection()
    tls.sendall(conn.data_to_send())
    while not any(isinstance(e, RemoteSettingsChanged) for e in conn.receive_data(some(tls))):
        pass
    return conn


def post(conn: h2.connection.H2Connection, number: int, host: str) -> None:
    """The beginning of a body without an end."""
    fields = {":method": "POST", ":scheme": "https", ":path": "/x", ":authority": host}
    conn.send_headers(number, list(fields.items()))
    for _ in range(PIECE // 10240):
        conn.send_data(number, b"x" * 10240)


def test_bodies_that_never_end_are_refused_beyond_it_however_small(small: Inside) -> None:
    port = small.world.tls_port
    with small.tunnel(EXAMPLE, port) as tls:
        conn = ready(tls)
        for number in range(1, 81, 2):
            post(conn, number, f"{EXAMPLE}:{port}")
            tls.sendall(conn.data_to_send())
        refused = set()
        while len(refused) < 15:
            for event in conn.receive_data(some(tls)):
                if isinstance(event, ResponseReceived):
                    assert event.headers is not None
                    assert dict(event.headers)[b":status"] == b"413"
                if isinstance(event, ResponseReceived | StreamReset):
                    refused.add(event.stream_id)
            tls.sendall(conn.data_to_send())
        until(lambda: small.sidecar.kept() < 2 * MIB + room.STEP, "what was refused to go")
    until(lambda: small.sidecar.kept() == 0, "all of it to go with its connection")
    # After a count that took long, as on a busy machine, it is not counted again at once.
    until(lambda: small.get() == 404, "room for another request")


@pytest.mark.parametrize(("fits", "code"), [(True, ""), (False, "upstream")])
def test_responses_that_are_judged_whole_count_as_well(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, fits: bool, code: str
) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000
    monkeypatch.setattr(room, "STEP", 16 * 1024)
    monkeypatch.setattr(room, "MAX_KEPT", 300_000 if fits else 100_000)
    watched = Dlp(inbound_detectors=("naive_injection_detection",))
    with RawUpstream(inside.world.authority, EXAMPLE, answering(page)) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True, dlp=watched))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            tls.sendall(get(host=f"{EXAMPLE}:{far.port}"))
            reply = read(tls)
    assert code_of(reply) == code
    assert reply.endswith(b"x" * 200_000) is fits
    until(lambda: inside.sidecar.kept() == 0, "all of it to go")
    assert not inside.sidecar.live


class Near:
    """An in-process sidecar as the WebSocket client wants it."""

    def __init__(self, inside: Inside) -> None:
        self.world, self._inside = inside.world, inside

    def tunnel(self, host: str) -> ssl.SSLSocket:
        return self._inside.tunnel(host, self.world.tls_port, "http/1.1")


@pytest.fixture
def near(small: Inside) -> Near:
    small.deliver(
        Route(EXAMPLE, small.world.tls_port, Auth("Bearer", "T"), allow_private=True),
        secrets={"T": SECRET},
    )
    return Near(small)


def opened(near: Near) -> Socket:
    ws = Socket(near, EXAMPLE, "/ws")
    assert isinstance(ws.opened, AcceptConnection)
    return ws


def unfinished(near: Near) -> Socket:
    """A socket with a message of 900 kB that goes on."""
    return begun(opened(near))


def begun(ws: Socket) -> Socket:
    """The same with the beginning of a message."""
    ws.say(BytesMessage(bytes(900_000), message_finished=False))
    return ws


def is_ended(ws: Socket, data: bytes) -> bool:
    """Whether a socket ends of these bytes, and not by a time-out. The code of its end may be lost
    with what was sent and not read."""
    try:
        ws.send_bytes(data)
        return next(ws.texts(), None) is None and ws.code in (0, 1009)
    except (ConnectionError, ssl.SSLError):
        return True


def test_unfinished_messages_of_all_sockets_are_bounded_together(near: Near, small: Inside) -> None:
    first = opened(near)
    alone = small.sidecar.kept()
    begun(first)
    until(lambda: small.sidecar.kept() >= 900_000, "the first message to arrive")
    second = unfinished(near)
    until(lambda: small.sidecar.kept() >= 1_800_000, "the second message to arrive")
    last = opened(near)
    assert is_ended(last, _frame(Opcode.BINARY, 900_000))
    second.close()
    until(lambda: small.sidecar.kept() < MIB, "what was refused and what was closed to go")
    first.say(BytesMessage(b"end", message_finished=True))
    assert len(next(first.texts())) == 2 * 900_003, "one that found room goes on"
    last.close()
    until(lambda: small.sidecar.kept() == alone, "a message that went on to be counted no more")
    first.close()


@pytest.mark.parametrize("size", [0, 1])
def test_frames_count_also_where_there_is_nothing_in_them(
    small: Inside, near: Near, size: int
) -> None:
    ws = opened(near)
    first, more = (_frame(opcode, size) for opcode in (Opcode.BINARY, Opcode.CONTINUATION))
    ws.send_bytes(first + more * 100 + _frame(Opcode.CONTINUATION, size, fin=True))
    assert len(next(ws.texts())) == 2 * 102 * size, "the control: a hundred are nothing"
    assert is_ended(ws, first + more * (3 * MIB // frames.FRAME))
    until(lambda: small.sidecar.kept() == 0, "all of it to go")
    ws.close()


def _frame(opcode: Opcode, size: int, *, fin: bool = False) -> bytes:
    """A frame as a client sends it; without ``fin`` its message goes on."""
    machine = FrameProtocol(client=True, extensions=[])
    return bytes(machine._serialize_frame(opcode, b"x" * size, fin=fin))


def test_what_passes_while_it_arrives_counts_too() -> None:
    scanner = Scanner({"T": SECRET.encode()}, key=b"k")
    for kind in (Upload, Conversation):
        body = Passing(kind(scanner, OUTBOUND, tuple, lambda found: None))
        body(b"\0" + (3 * MIB).to_bytes(4) + b"x" * 1000)
        assert body.kept >= 1000, kind
