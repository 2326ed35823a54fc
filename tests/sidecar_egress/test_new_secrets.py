"""A secret that is delivered is looked for in whatever leaves from then on, also in what was begun
before. The control of each: without the delivery the same text leaves."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from botbottle.model.route import Auth, Dlp, Route
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import RawUpstream, some
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE, Rig, until
from tests.sidecar_egress.test_withdrawn import BODY, TOKEN, post
from tests.sidecar_egress.waiting import Wait, approves_late
from tests.sidecar_egress.ws_client import Socket
from tests.world import World

NEW = "kX9vQ2mZ7pL4tR8wB3nY6cF1hJ5dS0aGe7Ub3Wq"
OLD = "bT4xK8wN1qV6mC9rL2zP5yH7fJ3dG0sAe1Wu6Xo"
OTHER = Route("other.example.com", auth=Auth("Bearer", "NEW"))
DELIVERED = pytest.mark.parametrize("delivered", [False, True])


@contextlib.contextmanager
def upstream(world: World, host: str) -> Iterator[RawUpstream]:
    with RawUpstream(world.authority, host, lambda stream, head: None) as made:
        yield made


def deliver(inside: Inside, route: Route, *, new: bool) -> None:
    inside.deliver(route, OTHER, secrets={"NEW": NEW} if new else {}, supervise=True)


@DELIVERED
def test_in_a_websocket_that_is_open(rig: Rig, delivered: bool) -> None:
    routes = (rig.route(EXAMPLE), rig.route("other.example.com", auth=Auth("Bearer", "NEW")))
    rig.configure(*routes)
    ws = Socket(rig, EXAMPLE, "/ws")
    texts = ws.texts()
    ws.send_raw(b"one")
    assert next(texts)
    rig.configure(*routes, secrets={"NEW": NEW} if delivered else {})
    with contextlib.suppress(OSError, StopIteration):
        ws.send_raw(NEW.encode())
        if not delivered:
            assert next(texts)
            return
        next(texts)
        pytest.fail("it went on")
    assert delivered


@DELIVERED
def test_an_echo_in_a_websocket_that_is_open(rig: Rig, delivered: bool) -> None:
    """The answers hold it only if the request did; here the detectors are off."""
    unseen = Dlp(outbound_detectors=())
    routes = (
        rig.route(EXAMPLE, dlp=unseen),
        rig.route("other.example.com", auth=Auth("Bearer", "NEW")),
    )
    rig.configure(*routes)
    ws = Socket(rig, EXAMPLE, "/ws")
    texts = ws.texts()
    ws.send_raw(b"one")
    assert next(texts)
    rig.configure(*routes, secrets={"NEW": NEW} if delivered else {})
    ws.send_raw(NEW.encode())
    assert (NEW.encode().hex() in next(texts)) is not delivered  # it answers bytes in hex


@DELIVERED
@pytest.mark.parametrize("kind", ["text/plain", "application/grpc"])
def test_in_an_upload_that_is_on_its_way(inside: Inside, delivered: bool, kind: str) -> None:
    with upstream(inside.world, EXAMPLE) as far:
        route = Route(EXAMPLE, far.port, allow_private=True, stream_uploads=True)
        deliver(inside, route, new=False)
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            head = f"POST /up HTTP/1.1\r\nHost: {EXAMPLE}\r\nTransfer-Encoding: chunked\r\n"
            tls.sendall(f"{head}Content-Type: {kind}\r\n\r\n".encode())
            far.got(b"\r\n\r\n")
            text = b"x " * 100 + NEW.encode()
            body = b"\0" + len(text).to_bytes(4) + text if "grpc" in kind else text
            deliver(inside, route, new=delivered)
            with contextlib.suppress(OSError):
                tls.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
            if not delivered:
                far.got(NEW.encode())
                return
            until(lambda: not inside.sidecar.live, "the upload to end")
    assert NEW.encode() not in far.received


@DELIVERED
def test_in_what_waits_for_its_admission(inside: Inside, delivered: bool) -> None:
    wait = Wait()
    inside.ledger.admit = wait.before(inside.ledger.admit)  # type: ignore[method-assign]
    with upstream(inside.world, ANTHROPIC) as far:
        route = Route(ANTHROPIC, far.port, allow_private=True, provider="claude")
        deliver(inside, route, new=False)
        with inside.tunnel(ANTHROPIC, far.port) as tls:
            post(tls, ANTHROPIC, "/v1/messages", BODY.replace(b'"m"', f'"{NEW}"'.encode()))
            assert wait.begun.wait(30)
            deliver(inside, route, new=delivered)
            wait.over.set()
            if not delivered:
                far.got(NEW.encode())
                return
            until(lambda: not inside.sidecar.live, "the request to end")
            until(lambda: not inside.ledger.open, "the release")
    assert NEW.encode() not in far.received


def owned(token: str) -> str:
    """A login that the sidecar owns, with this access token."""
    tokens = {"accessToken": token, "refreshToken": f"refresh-{token}", "expiresAt": 1 << 50}
    return json.dumps({"claudeAiOauth": tokens})


CREDENTIALS = pytest.mark.parametrize(
    ("key", "secret"),
    [(Auth("header", "NEW", "x-api-key"), str), (Auth("login", "NEW"), owned)],
    ids=["header", "login"],
)
ROTATED = pytest.mark.parametrize("rotated", [False, True])


def echo(stream: socket.socket, head: bytes) -> None:
    """Answer with the credential."""
    name = b"x-api-key: " if b"x-api-key: " in head else b"authorization: "
    body = head.partition(name)[2].partition(b"\r\n")[0]
    stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


@CREDENTIALS
@ROTATED
def test_what_waits_is_signed_with_the_credential_of_now(
    inside: Inside, rotated: bool, key: Auth, secret: Callable[[str], str]
) -> None:
    wait, old = Wait(), OLD
    inside.ledger.admit = wait.before(inside.ledger.admit)  # type: ignore[method-assign]

    with RawUpstream(inside.world.authority, ANTHROPIC, echo) as far:
        route = Route(ANTHROPIC, far.port, allow_private=True, provider="claude", auth=key)
        inside.deliver(route, secrets={"NEW": secret(old)}, supervise=True)
        with inside.tunnel(ANTHROPIC, far.port, "http/1.1") as tls:
            head = f"POST /v1/messages HTTP/1.1\r\nHost: {ANTHROPIC}\r\n"
            tls.sendall(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
            assert wait.begun.wait(30)
            now = secret(NEW if rotated else old)
            inside.deliver(route, secrets={"NEW": now}, supervise=True)
            wait.over.set()
            answer = tls.recv(65536)
    sent, not_sent = (NEW, old) if rotated else (old, NEW)
    assert sent.encode() in far.received and not_sent.encode() not in far.received
    assert answer.startswith(b"HTTP/1.1 200") and sent.encode() not in answer


@CREDENTIALS
@ROTATED
def test_an_answer_holds_neither_the_credential_it_was_asked_with_nor_a_newer_one(
    inside: Inside, rotated: bool, key: Auth, secret: Callable[[str], str]
) -> None:
    asked, over, old = threading.Event(), threading.Event(), OLD

    def both(stream: socket.socket, head: bytes) -> None:
        asked.set()
        assert over.wait(30)
        body = b"%b %b ." % (old.encode(), NEW.encode())
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with RawUpstream(inside.world.authority, EXAMPLE, both) as far:
        route = Route(EXAMPLE, far.port, allow_private=True, auth=key)
        inside.deliver(route, secrets={"NEW": secret(old)})
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            tls.sendall(f"GET /x HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n".encode())
            assert asked.wait(30)
            inside.deliver(route, secrets={"NEW": secret(NEW if rotated else old)})
            over.set()
            answer = b""
            while not answer.endswith(b" ."):
                answer += some(tls)
    assert answer.startswith(b"HTTP/1.1 200") and old.encode() not in answer
    assert (NEW.encode() in answer) is not rotated


@DELIVERED
def test_in_what_waits_for_an_operator(inside: Inside, delivered: bool) -> None:
    wait, approved = approves_late(inside)
    with upstream(inside.world, EXAMPLE) as far:
        route = Route(EXAMPLE, far.port, allow_private=True)
        deliver(inside, route, new=False)
        with inside.tunnel(EXAMPLE, far.port) as tls:
            post(tls, EXAMPLE, f"/x?q={TOKEN}", NEW.encode())
            assert wait.begun.wait(30)
            deliver(inside, route, new=delivered)
            wait.over.set()
            if not delivered:
                far.got(NEW.encode())
                return
            assert approved.wait(30)
            until(lambda: not inside.sidecar.live, "the request to end")
    assert NEW.encode() not in far.received


@DELIVERED
def test_in_what_waits_for_its_upstream(inside: Inside, delivered: bool) -> None:
    with upstream(inside.world, EXAMPLE) as far:
        begun, over, wrap = threading.Event(), threading.Event(), far._context.wrap_socket

        class Late:
            def wrap_socket(self, raw: Any, **how: Any) -> Any:
                begun.set()
                assert over.wait(30)
                return wrap(raw, **how)

        far._context = Late()  # type: ignore[assignment]
        route = Route(EXAMPLE, far.port, allow_private=True)
        deliver(inside, route, new=False)
        with inside.tunnel(EXAMPLE, far.port) as tls:
            post(tls, EXAMPLE, "/late", NEW.encode())
            assert begun.wait(30)
            deliver(inside, route, new=delivered)
            over.set()
            if not delivered:
                far.got(NEW.encode())
                return
            until(lambda: not inside.sidecar.live, "the request to end")
    assert NEW.encode() not in far.received
