"""Who broke a metered request off decides what is booked, in whatever words it is told: over HTTP/2
an agent that just went away was booked nothing, and a provider that refused everything allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, StreamEnded
from hyperframe.frame import DataFrame, GoAwayFrame

from botbottle.model.route import Auth
from tests.sidecar_egress.http2_upstream import Http2Upstream, Peer
from tests.sidecar_egress.rig import ANTHROPIC, Rig, until

ALLOWED = 5000  # tokens of output


def _closes(tls: Any, conn: H2Connection) -> None:
    tls.close()


def _resets(tls: Any, conn: H2Connection) -> None:
    conn.reset_stream(1, ErrorCodes.CANCEL)
    tls.sendall(conn.data_to_send())


def _goes_with_an_error(tls: Any, conn: H2Connection) -> None:
    tls.sendall(GoAwayFrame(0, error_code=1).serialize())


def _breaks_the_protocol(tls: Any, conn: H2Connection) -> None:
    tls.sendall(DataFrame(7, data=b"of no stream").serialize())


def ask(rig: Rig, far: Http2Upstream) -> tuple[Any, H2Connection]:
    key = Auth("header", "A", "x-api-key")
    route = rig.route(ANTHROPIC, port=far.port, auth=key, provider="claude")
    rig.configure(route, secrets={"A": "sk-real-anthropic-0001"})
    tls, conn = rig.tunnel(ANTHROPIC, port=far.port, alpn=["h2"]), H2Connection()
    conn.initiate_connection()
    head = {":method": "POST", ":scheme": "https", ":path": "/v1/messages"}
    head[":authority"] = f"{ANTHROPIC}:{far.port}"
    conn.send_headers(1, list(head.items()))
    said = {"model": "claude-opus-5-5", "max_tokens": ALLOWED, "messages": []}
    conn.send_data(1, json.dumps(said).encode(), end_stream=True)
    tls.sendall(conn.data_to_send())
    return tls, conn


def booked(rig: Rig) -> tuple[int, str]:
    until(lambda: len(rig.ledger.rows()) == 1, "the row")
    (row,) = rig.ledger.rows()
    return row.tokens.output, row.note.partition(";")[0]


@pytest.mark.parametrize(
    "leave", [_closes, _resets, _goes_with_an_error, _breaks_the_protocol]
)  # fmt: skip
def test_an_agent_that_leaves_is_booked_what_it_allowed(
    rig: Rig, leave: Callable[[Any, H2Connection], None]
) -> None:
    with Http2Upstream(rig.world.authority, ANTHROPIC, lambda peer, event: None) as far:
        tls, conn = ask(rig, far)
        until(lambda: far.asked, "the request to arrive")
        leave(tls, conn)
        assert booked(rig) == (ALLOWED, "client gone")
        tls.close()


@pytest.mark.parametrize("code", [ErrorCodes.REFUSED_STREAM, ErrorCodes.CANCEL])
def test_a_provider_that_resets_is_booked_nothing(rig: Rig, code: ErrorCodes) -> None:
    def says(peer: Peer, event: Event) -> None:
        if isinstance(event, StreamEnded):
            peer.conn.reset_stream(event.stream_id or 0, code)

    with Http2Upstream(rig.world.authority, ANTHROPIC, says) as far:
        tls, _ = ask(rig, far)
        assert booked(rig) == (0, "upstream failed")
        tls.close()
