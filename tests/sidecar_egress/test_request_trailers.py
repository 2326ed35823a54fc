"""Trailers of a request are judged and stay here, also where redaction takes headers out."""

from __future__ import annotations

import json
import random

import pytest
from h2.connection import H2Connection

from botbottle.model.route import Dlp, Route
from tests.dlp.conftest import github
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_upstream import some
from tests.sidecar_egress.rig import EXAMPLE

TOKEN = github(random.Random(8))


@pytest.mark.parametrize("said", ["nothing of note", TOKEN])
def test_no_trailer_leaves_as_a_header(inside: Inside, said: str) -> None:
    inside.world.reset()
    port = inside.world.tls_port
    inside.deliver(Route(EXAMPLE, port, allow_private=True, dlp=Dlp(outbound_on_match="redact")))
    conn, body = H2Connection(), json.dumps({"text": f"it says {said}"}).encode()
    fields = {":method": "POST", ":scheme": "https", ":path": "/x", ":authority": EXAMPLE}
    fields |= {"content-type": "application/json", "content-md5": "x", "x-kept": "1"}
    with inside.tunnel(EXAMPLE, port) as tls:
        conn.initiate_connection()
        conn.send_headers(1, list(fields.items()))
        conn.send_data(1, body)
        conn.send_headers(1, [("x-trailer", "1")], end_stream=True)
        tls.sendall(conn.data_to_send())
        while not inside.world.requests(0):
            conn.receive_data(some(tls))
    (request,) = inside.world.requests()
    names = {name.lower() for name, _ in request["headers"]}
    assert "x-kept" in names and "x-trailer" not in names
    assert ("content-md5" in names) is (said != TOKEN), "redaction takes it out"
