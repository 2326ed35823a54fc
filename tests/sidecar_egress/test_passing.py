"""What is sent while it arrives is judged beside the event loop: others are served meanwhile,
nothing of it leaves, and a secret that is delivered meanwhile is looked for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from botbottle.dlp import OUTBOUND, Finding, Scanner
from botbottle.model.route import Auth, Route
from botbottle.sidecar.egress.grpc import Conversation
from botbottle.sidecar.egress.passing import Passing, UploadRefused
from botbottle.sidecar.egress.upload import Upload
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.pressing import H2
from tests.sidecar_egress.raw_client import get, read
from tests.sidecar_egress.raw_upstream import RawUpstream
from tests.sidecar_egress.rig import EXAMPLE, until

NEW = b"kX9vQ2mZ7pL4tR8wB3nY6cF1hJ5dS0aGe7Ub3Wq"
OTHER = Route("other.example.com", auth=Auth("Bearer", "NEW"))
TEXT = b"ordinary text that is nobody's secret. " * 3000
KINDS = pytest.mark.parametrize("kind", [Upload, Conversation])


def framed(kind: object, text: bytes) -> bytes:
    return text if kind in (Upload, "text/plain") else b"\0" + len(text).to_bytes(4) + text


class Held:
    """Scans in threads wait until they may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.over = threading.Event(), threading.Event()
        real = Scanner.scan

        def scan(scanner: Scanner, text: Any, *given: Any, **named: Any) -> tuple[Finding, ...]:
            if len(text) > 40_000:
                self.begun.set()
                assert self.over.wait(30)
            return real(scanner, text, *given, **named)

        monkeypatch.setattr(Scanner, "scan", scan)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    made = Held(monkeypatch)
    yield made
    made.over.set()


@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("kind", ["text/plain", "application/grpc"])
def test_others_are_served_while_a_piece_is_judged_and_nothing_of_it_leaves(
    inside: Inside, held: Held, kind: str, delivered: bool
) -> None:
    body = framed(kind, TEXT[:50_000] + NEW + TEXT[:40_000])
    with RawUpstream(inside.world.authority, EXAMPLE, lambda stream, head: None) as far:
        route = Route(EXAMPLE, far.port, allow_private=True, stream_uploads=True)
        plain = Route(EXAMPLE, inside.world.tls_port, allow_private=True)
        inside.deliver(route, plain, OTHER, supervise=True)
        with (
            inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls,
            inside.tunnel(EXAMPLE, inside.world.tls_port, "http/1.1") as other,
        ):
            head = f"POST /up HTTP/1.1\r\nHost: {EXAMPLE}\r\nTransfer-Encoding: chunked\r\n"
            tls.sendall(f"{head}Content-Type: {kind}\r\n\r\n".encode())
            tls.sendall(b"%x\r\n%b\r\n" % (len(body), body))
            assert held.begun.wait(30)
            other.sendall(get(host=f"{EXAMPLE}:{inside.world.tls_port}"))
            assert b"nothing at /x" in read(other), "its upstream answered"
            assert TEXT[:40] not in far.received
            secrets = {"NEW": NEW.decode()} if delivered else {}
            inside.deliver(route, plain, OTHER, secrets=secrets, supervise=True)
            held.over.set()
            with contextlib.suppress(OSError):
                tls.sendall(b"0\r\n\r\n")
            if delivered:
                until(lambda: not inside.sidecar.live, "the upload to end")
            else:
                far.got(TEXT[39_000:40_000])
    assert (NEW in far.received) is not delivered


SECRET = b"real-secret-value-0123"
SCANNER = Scanner({"T": SECRET}, key=b"k")


def passing(kind: type[Upload | Conversation], scanner: Scanner = SCANNER) -> Passing:
    return Passing(kind(scanner, OUTBOUND, tuple, lambda found: None))


@KINDS
def test_a_piece_does_not_leave_before_it_was_judged(kind: type[Upload | Conversation]) -> None:
    body = framed(kind, TEXT)
    through = passing(kind)
    through.take(body)
    assert not through.judged
    with pytest.raises(UploadRefused):
        through(body)
    through = passing(kind)
    through.take(body)
    asyncio.run(through.judge())
    assert through.judged and b"".join((*through(body), *through(b""))) == body


@KINDS
@pytest.mark.parametrize("rounds", [1, 3])
def test_what_was_judged_and_has_not_left_is_judged_by_a_later_scanner_too(
    kind: type[Upload | Conversation], rounds: int
) -> None:
    for secret, refused in ((NEW, True), (SECRET[::-1], False)):
        body = framed(kind, TEXT[:30_000] + NEW + TEXT)
        through = passing(kind)
        through.take(body)
        for _ in range(rounds):
            asyncio.run(through.judge())
            assert through.judged
            through.renew(Scanner({"N": secret}, key=b"k"))
            assert not through.judged
        asyncio.run(through.judge())
        if not refused:
            assert b"".join((*through(body), *through(b""))) == body
            continue
        with pytest.raises(UploadRefused) as told:
            through(body)
        assert told.value.denial.reason.startswith("known_secret/plain/N")


def test_a_secret_whose_beginning_has_left_is_found_by_a_later_scanner() -> None:
    """Its last part was judged, by one that did not know of it, and has not left."""
    at = 64 * 1024 - len(NEW) // 2
    body = (TEXT * 2)[:at] + NEW + TEXT
    through = Passing(Upload(SCANNER, OUTBOUND, tuple, lambda found: None))
    first = b"".join(through(body[: 80 * 1024]))
    assert first and first.endswith(NEW[: len(NEW) // 2])
    rest = body[80 * 1024 :] + TEXT
    through.take(rest)
    asyncio.run(through.judge())
    through.renew(Scanner({"N": NEW}, key=b"k"))
    asyncio.run(through.judge())
    with pytest.raises(UploadRefused):
        through(rest)


@KINDS
def test_secrets_that_change_without_end_end_the_upload(kind: type[Upload | Conversation]) -> None:
    """It is told to the stream that waits for the piece, not in the task that judges it."""
    through = passing(kind)
    body = framed(kind, TEXT)
    through.take(body)
    for _ in range(100):
        asyncio.run(through.judge())
        through.renew(Scanner({"N": NEW}, key=b"k"))
    asyncio.run(through.judge())
    assert through.judged, "nobody waits for it any longer"
    with pytest.raises(UploadRefused) as refused:
        through(body)
    assert "again and again" in refused.value.denial.reason


def test_a_conversation_goes_on_being_judged_after_a_renewal() -> None:
    through = passing(Conversation)
    for scanner in (Scanner({"N": NEW}, key=b"k"), SCANNER):
        body = framed(Conversation, TEXT)
        through.take(body)
        asyncio.run(through.judge())
        through.renew(scanner)
        asyncio.run(through.judge())
        assert through(body) == [body]
    with pytest.raises(UploadRefused):
        through(framed(Conversation, SECRET))


@pytest.mark.parametrize("fails", [False, True])
def test_a_judgement_that_fails_ends_the_connection(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    def judge(self: Passing) -> None:
        raise MemoryError

    if fails:
        monkeypatch.setattr(Passing, "judge", judge)
    with RawUpstream(inside.world.authority, EXAMPLE, lambda stream, head: None) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True, stream_uploads=True))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            head = f"POST /up HTTP/1.1\r\nHost: {EXAMPLE}\r\nTransfer-Encoding: chunked\r\n\r\n"
            tls.sendall(head.encode() + b"%x\r\n%b\r\n" % (len(TEXT), TEXT))
            if fails:
                until(lambda: not inside.sidecar.drivers, "the connection to end")
            else:
                far.got(TEXT[:40])
    assert (TEXT[:40] in far.received) is not fails


@pytest.mark.parametrize("alpn", ["http/1.1", "h2"])
def test_what_comes_while_a_piece_is_judged_follows_in_its_order(inside: Inside, alpn: str) -> None:
    words = b" ".join(b"word %d of many" % at for at in range(250_000))
    with RawUpstream(inside.world.authority, EXAMPLE, lambda stream, head: None) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True, stream_uploads=True))
        with inside.tunnel(EXAMPLE, far.port, alpn) as tls:
            if alpn == "h2":
                _send_h2(H2(tls, ((":method", "POST"), (":path", "/up"))), words)
            else:
                head = f"POST /up HTTP/1.1\r\nHost: {EXAMPLE}\r\nTransfer-Encoding: chunked\r\n\r\n"
                tls.sendall(head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(words), words))
            far.got(b"\r\n0\r\n\r\n")
    _, _, chunked = far.received.partition(b"\r\n\r\n")
    assert _unchunked(chunked) == words


def _send_h2(client: H2, body: bytes) -> None:
    at = 0
    while at < len(body):
        if not (room := client.conn.local_flow_control_window(1)):
            client.receive()
            continue
        piece = body[at : at + min(room, client.conn.max_outbound_frame_size)]
        client.conn.send_data(1, piece, end_stream=at + len(piece) == len(body))
        client._tls.sendall(client.conn.data_to_send())
        at += len(piece)


def _unchunked(data: bytes) -> bytes:
    out = bytearray()
    while data:
        size, _, rest = data.partition(b"\r\n")
        out += rest[: int(size, 16)]
        data = rest[int(size, 16) + 2 :]
    return bytes(out)
