"""Configuration and secrets change in a running sidecar; what is active is what it says."""

from __future__ import annotations

import json
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from botbottle.model.route import Auth, Match, PathMatch
from botbottle.model.sidecar_config import Hold, fingerprint
from tests.sidecar_egress.raw_client import code_of, exchange, get, one_response, say
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE, KEY, OPENAI, Rig, until


def stream(rig: Rig, host: str) -> Any:
    """An open event stream from a provider's host, with its first bytes read."""
    path = "/v1/messages" if host == ANTHROPIC else "/v1/responses"
    body = b'{"model":"m","max_tokens":50,"stream":true,"input":"hi","messages":[]}'
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
    tls = rig.tunnel(host)
    tls.settimeout(10)
    tls.sendall(head.encode() + body)
    assert tls.recv(65536).startswith(b"HTTP/1.1 200")
    return tls


@pytest.fixture
def slow(rig: Rig) -> Rig:
    """Every event stream takes far longer than a test."""
    rig.world.default(events=4000, delay=0.05)
    return rig


def test_what_is_active_is_what_was_configured(rig: Rig) -> None:
    config = rig.config(rig.route(EXAMPLE, auth=Auth("Bearer", "T")))
    with rig.sidecar.control() as control:
        status = control.configure(config, {"T": "value-1", "UNUSED": "x"}, KEY)
    assert status.config_hash == config.config_hash
    assert status.config == config
    assert status.secrets == (("T", fingerprint(KEY, "value-1")),)
    assert status.ready and status.ledger
    assert status.version


def test_a_new_secret_is_used_by_the_next_request_on_an_open_connection(rig: Rig) -> None:
    route = rig.route(EXAMPLE, auth=Auth("Bearer", "T"))
    rig.configure(route, secrets={"T": "first-value-000"})
    request = get().replace(b"Connection: close\r\n", b"")
    with rig.tunnel(EXAMPLE) as tls:
        tls.settimeout(5)
        tls.sendall(request)
        one_response(tls)
        rig.configure(route, secrets={"T": "second-value-00"})
        tls.sendall(request)
        one_response(tls)
    sent = [r["auth"]["authorization"] for r in rig.world.requests()]
    assert sent == ["Bearer first-value-000", "Bearer second-value-00"]


def test_a_bad_configuration_keeps_the_old_one_and_says_so(rig: Rig) -> None:
    before = rig.sidecar.control().status()
    config = rig.config(rig.route(EXAMPLE))
    wire = config.to_wire()
    for broken in (
        {**wire, "format": 99},
        {**wire, "routes": [{"host": "*.com"}]},
        {**wire, "routes": [{"hots": "a.com"}]},
        {**wire, "unknown": 1},
        {**wire, "upstream_ca": "not a certificate"},
    ):
        reply = say(rig, {"op": "configure", "config": broken, "secrets": {}, "hmac_key": "00"})
        assert not reply["ok"]
        assert reply["error"]
    assert rig.sidecar.control().status() == before
    assert code_of(exchange(rig, get())) == ""


def test_a_stream_of_a_removed_route_is_cut_and_others_run_on(slow: Rig) -> None:
    slow.configure(slow.route(ANTHROPIC), slow.route(OPENAI))
    with stream(slow, ANTHROPIC) as gone, stream(slow, OPENAI) as kept:
        slow.configure(slow.route(OPENAI))
        assert _ended_early(gone), "the stream ended before its last event"
        assert kept.recv(65536), "the other stream runs on"
    assert code_of(exchange(slow, get())) == "no-route"


def test_a_narrowed_path_cuts_as_well(slow: Rig) -> None:
    slow.configure(slow.route(ANTHROPIC))
    with stream(slow, ANTHROPIC) as gone:
        slow.configure(slow.route(ANTHROPIC, matches=(Match((PathMatch("prefix", "/ok"),)),)))
        assert _ended_early(gone)


def test_an_unrelated_change_cuts_nothing(slow: Rig) -> None:
    slow.configure(slow.route(ANTHROPIC))
    with stream(slow, ANTHROPIC) as kept:
        slow.configure(slow.route(ANTHROPIC), slow.route(EXAMPLE), log=2)
        for _ in range(5):
            assert kept.recv(65536)


def _ended_early(stream: Any) -> bool:
    """Whether the end comes without the stream's last event."""
    data = _rest(stream)
    return "message_stop" not in data and "response.completed" not in data


def _rest(stream: Any) -> str:
    """Everything until the end of the response or of the connection."""
    stream.settimeout(60)
    data = b""
    try:
        while b"\r\n0\r\n\r\n" not in data and (piece := stream.recv(65536)):
            data += piece
    except OSError as error:
        assert not isinstance(error, TimeoutError), "neither an end nor an event"
    return data.decode()


def test_a_hold_cuts_and_refuses_in_the_clients_dialect(slow: Rig) -> None:
    slow.standard()
    with stream(slow, ANTHROPIC) as gone:
        slow.standard(hold=Hold("cutoff", "operator", "cut off by an operator"))
        assert _ended_early(gone)
    assert code_of(exchange(slow, get())) == "held"
    post = b"POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\nContent-Length: 2\r\n\r\n{}"
    reply = exchange(slow, post + b"", host=ANTHROPIC)
    assert reply.startswith(b"HTTP/1.1 402")
    assert b"cut off by an operator" in reply


def test_the_cut_command_ends_everything_and_is_visible(slow: Rig) -> None:
    slow.standard()
    before = slow.sidecar.control().status().config_hash
    with stream(slow, ANTHROPIC) as gone:
        with slow.sidecar.control() as control:
            assert control.cut("stop") == 1
        assert _ended_early(gone)
    assert code_of(exchange(slow, get())) == "held"
    assert slow.sidecar.control().status().config_hash != before
    slow.standard()
    slow.world.plain()
    assert code_of(exchange(slow, get())) == ""


def test_a_change_is_active_for_the_next_request_when_it_is_acknowledged(slow: Rig) -> None:
    """Routes and secrets; nothing waits, and a stream that is still allowed runs through it all.
    The time that a change takes is measured by benchmarks.egress."""
    slow.world.default(events=40, delay=0.05)
    slow.configure(slow.route(ANTHROPIC))
    with stream(slow, ANTHROPIC) as kept:
        for number in range(20):
            value = f"changing-secret-{number:04}"
            open_ = slow.route(EXAMPLE, auth=Auth("Bearer", "T"))
            slow.configure(slow.route(ANTHROPIC), open_, secrets={"T": value})
            assert code_of(exchange(slow, get())) == ""
            slow.configure(slow.route(ANTHROPIC))
            assert code_of(exchange(slow, get())) == "no-route"
        assert "message_stop" in _rest(kept), "nothing cut the stream"
    sent = [r["auth"]["authorization"] for r in slow.world.requests(0) if r["host"] == EXAMPLE]
    assert sent == [f"Bearer changing-secret-{number:04}" for number in range(20)]


def test_a_kept_connection_outlives_no_permission_for_a_private_address(rig: Rig) -> None:
    request = get().replace(b"Connection: close\r\n", b"")
    with rig.tunnel(EXAMPLE) as tls:
        tls.settimeout(20)
        tls.sendall(request)
        one_response(tls)
        rig.configure(rig.route(EXAMPLE), log=2)  # a change of something else
        tls.sendall(request)
        one_response(tls)
        rig.configure(rig.route(EXAMPLE, allow_private=False))
        tls.sendall(request)
        assert json.loads(one_response(tls)[1])["code"] == "private-address"
    assert len(rig.world.requests()) == 2
    assert len(rig.world.truth()["connections"]) == 1, "the first two shared a connection"


def test_a_restarted_sidecar_refuses_until_it_is_configured_and_keeps_its_ca(own: Rig) -> None:
    ca = own.sidecar.ca.read_bytes()
    assert code_of(exchange(own, get())) == ""
    own.sidecar.restart(signal.SIGKILL)
    with pytest.raises(ConnectionRefusedError, match="not-configured"):
        own.tunnel(EXAMPLE)
    status = own.sidecar.control().status()
    assert status.config_hash == ""
    assert status.secrets == ()
    own.standard()
    assert code_of(exchange(own, get())) == ""
    assert own.sidecar.ca.read_bytes() == ca


def test_files_have_the_right_modes_and_no_secret_is_on_disk(own: Rig) -> None:
    folder = own.sidecar.folder
    modes = {
        str(p.relative_to(folder)): stat.S_IMODE(p.stat().st_mode)
        for name in ("control", "ca", "public")
        for p in (folder / name).iterdir()
    }
    assert modes == {
        "control/control.sock": 0o600,
        "control/in-flight": 0o600,
        "ca/ca.key": 0o600,
        "public/ca.pem": 0o644,
        "public/bundle.pem": 0o644,
        "public/bundle.p12": 0o644,
    }
    exchange(own, get("/v1/models", ANTHROPIC), host=ANTHROPIC)
    everything = b"".join(
        p.read_bytes() for p in folder.rglob("*") if p.is_file() and "ledger" not in p.name
    )
    process = Path(f"/proc/{own.sidecar.process.pid}")
    everything += (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    everything += own.ledger.db.read_bytes() + json.dumps(own.sidecar.lines).encode()
    assert b"sk-real" not in everything


def test_sigterm_settles_a_stream_in_flight(own: Rig) -> None:
    own.world.default(events=500, delay=0.02)
    body = json.dumps(
        {"model": "claude-opus-5-5", "max_tokens": 50, "stream": True,
         "messages": [{"role": "user", "content": "hi"}]}
    ).encode()  # fmt: skip
    head = f"POST /v1/messages HTTP/1.1\r\nHost: {ANTHROPIC}\r\nContent-Length: {len(body)}\r\n\r\n"
    with own.tunnel(ANTHROPIC) as tls:
        tls.settimeout(5)
        tls.sendall(head.encode() + body)
        for _ in range(10):
            tls.recv(65536)
        assert own.sidecar.stop() == 0
    until(lambda: len(own.ledger.rows()) == 1, "the row of the interrupted stream")
    (row,) = own.ledger.rows()
    assert row.completeness == "partial"
    assert row.tokens.input_uncached > 0
