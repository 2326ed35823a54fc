"""Programs see that they were refused: those that write all before they read, and those that ask
for a head alone."""

from __future__ import annotations

import ssl

import httpx
import pytest
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, StreamEnded, StreamReset

from botbottle.model.route import Match, PathMatch
from botbottle.sidecar.egress import windows
from botbottle.sidecar.egress.windows import LINGERING
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import read
from tests.sidecar_egress.raw_upstream import some
from tests.sidecar_egress.rig import EXAMPLE, Rig
from tests.sidecar_egress.test_keeping import UNLISTED, Client

OK = (Match((PathMatch("prefix", "/ok"),)),)


@pytest.mark.parametrize("http2", [False, True])
def test_an_upload_that_is_refused_by_its_head_hears_so(rig: Rig, http2: bool) -> None:
    """httpx reads nothing before its body has left: over HTTP/2 it waited for its time-out."""
    rig.configure(rig.route(EXAMPLE, matches=OK))
    context = ssl.create_default_context(cafile=str(rig.sidecar.ca))
    with httpx.Client(proxy=rig.sidecar.proxy, verify=context, http2=http2, timeout=15) as http:
        answer = http.post(rig.url(EXAMPLE, "/no"), content=b"a" * 3_000_000)
        assert (answer.status_code, answer.json()["code"]) == (403, "no-match")
        assert http.get(rig.url(EXAMPLE, "/ok")).status_code == 404, "the connection goes on"


def test_of_many_refused_requests_without_an_end_the_first_are_told(inside: Inside) -> None:
    client = Client(inside, UNLISTED)
    for number in range(1, 2 * LINGERING + 4, 2):
        client.head(number)
    while len(client.resets()) < 2:
        client.look()
    assert [(e.stream_id, e.error_code) for e in client.resets()] == [
        (1, ErrorCodes.NO_ERROR), (3, ErrorCodes.NO_ERROR),
    ]  # fmt: skip
    assert client.statuses() == [b"403"] * (LINGERING + 2)
    client.tls.close()


def test_a_refused_body_is_read_to_a_bound(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MAX_BODY", 100_000)
    client = Client(inside, UNLISTED)
    client.head(1)
    while not client.statuses():
        client.look()
    for _ in range(7):
        client.conn.send_data(1, bytes(16_000))
    client.send()
    while not client.resets():
        client.look()
    assert [e.error_code for e in client.resets()] == [ErrorCodes.NO_ERROR]
    client.tls.close()


def test_the_refusal_of_a_head_request_is_a_head(rig: Rig) -> None:
    """Its body would be read as the beginning of the next response."""
    rig.configure(rig.route(EXAMPLE, matches=OK))
    two = f"HEAD /no HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\nGET /ok HTTP/1.1\r\nHost: {EXAMPLE}\r\n\r\n"
    with rig.tunnel(EXAMPLE) as tls:
        tls.sendall(two.encode())
        first, _, rest = read(tls).partition(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 403") and b"x-botbottle-denied: no-match" in first
    assert rest.startswith(b"HTTP/1.1 404"), "the answer to the other request"


def test_and_over_http2_too(rig: Rig) -> None:
    rig.configure(rig.route(EXAMPLE, matches=OK))
    tls, conn = rig.tunnel(EXAMPLE, alpn=["h2"]), H2Connection()
    conn.initiate_connection()
    head = {":method": "HEAD", ":scheme": "https", ":path": "/no"}
    head[":authority"] = f"{EXAMPLE}:{rig.world.tls_port}"
    conn.send_headers(1, list(head.items()), end_stream=True)
    with tls:
        tls.sendall(conn.data_to_send())
        seen = []
        while not any(isinstance(e, StreamEnded | StreamReset) for e in seen):
            seen += conn.receive_data(some(tls))
    assert not any(isinstance(e, DataReceived) and e.data for e in seen)
