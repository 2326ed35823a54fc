"""A denial names the port that was asked for: a route has to name it, too."""

from __future__ import annotations

import json
from typing import Any

from tests.sidecar_egress.raw_client import get, read
from tests.sidecar_egress.rig import EXAMPLE, Rig, until

OTHER = "other.example.com"


def kept(rig: Rig, request_id: str) -> dict[str, Any]:
    """A denial as the control socket tells it."""
    with rig.sidecar.control() as control:
        return next(d for d in control.denials(50) if d["id"] == request_id)


def logged(rig: Rig, request_id: str) -> list[dict[str, Any]]:
    return [x for x in rig.sidecar.lines if x.get("id") == request_id]


def test_it_is_in_the_answer_the_log_and_what_bb_asks_for(rig: Rig) -> None:
    with rig.tunnel(OTHER) as tls:
        tls.sendall(get(host=OTHER))
        body = json.loads(read(tls).partition(b"\r\n\r\n")[2])
    assert (body["code"], body["host"], body["port"]) == ("no-route", OTHER, rig.world.tls_port)
    assert kept(rig, body["request_id"])["port"] == rig.world.tls_port
    until(lambda: logged(rig, body["request_id"]), "the line in the log")
    assert logged(rig, body["request_id"])[0]["port"] == rig.world.tls_port


def test_a_tunnel_that_is_refused_has_it_as_well(rig: Rig) -> None:
    with rig.raw() as raw:
        raw.sendall(f"CONNECT {EXAMPLE}:22 HTTP/1.1\r\nHost: {EXAMPLE}:22\r\n\r\n".encode())
        body = json.loads(read(raw).partition(b"\r\n\r\n")[2])
    assert (body["code"], body["host"], body["port"]) == ("no-route", EXAMPLE, 22)


def test_without_a_target_there_is_none(rig: Rig) -> None:
    with rig.tunnel(EXAMPLE) as tls:
        tls.sendall(get(host="two@example.com"))
        body = json.loads(read(tls).partition(b"\r\n\r\n")[2])
    assert (body["code"], body["port"]) == ("bad-host", 0)
