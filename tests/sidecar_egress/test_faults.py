"""Whatever stage fails, nothing passes.

The sidecar runs inside this process here, so that each stage can be made to fail in turn; the
same request passes before and after.
"""

from __future__ import annotations

import asyncio
import errno
import io
from collections.abc import Iterator
from typing import Any

import pytest

from botbottle.sidecar.egress import (
    admission,
    auth,
    git,
    heads,
    hooks,
    match,
    pipeline,
    scan,
    stages,
    stripping,
    target,
)
from botbottle.sidecar.egress.gate import LedgerDown
from botbottle.sidecar.egress.log import Log
from botbottle.sidecar.egress.resolve import Resolver
from botbottle.sidecar.egress.scrub import ScrubStream
from botbottle.sidecar.egress.spend import Spend
from botbottle.sidecar.egress.tls import AgentSide, WorldSide
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.rig import ANTHROPIC
from tests.world import World


@pytest.fixture(scope="module")
def running(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    inside = Inside(tmp_path_factory.mktemp("inside"), world)
    yield inside
    inside.close()


@pytest.fixture
def inside(running: Inside) -> Inside:
    running.world.reset()
    running.ledger.told.clear()
    running.ledger.open.clear()
    return running


class Broken(RuntimeError):
    """What a stage that fails raises."""


def broken(*_: Any, **__: Any) -> Any:
    raise Broken("sk-text-that-must-not-be-logged")


async def broken_later(*_: Any, **__: Any) -> Any:
    await asyncio.sleep(0)
    raise Broken("sk-text-that-must-not-be-logged")


BEFORE_SENDING = [
    (heads, "joined", broken),
    (pipeline, "head_of", broken),
    (stages, "resolve", broken),
    (target, "canonical_host", broken),
    (match.RouteIndex, "find", broken),
    (git, "use", broken),
    (git, "is_lfs_upload", broken),
    (stages, "identify", broken),
    (stripping, "strip", broken),
    (auth, "inject", broken),
    (scan, "detectors_of", broken),
    (scan.OutboundScan, "_scan", broken_later),
    (admission.Gate, "judge", broken_later),
    (Resolver, "addresses", broken_later),
    (AgentSide, "connection", broken),
    (WorldSide, "connection", broken),
]


@pytest.mark.parametrize(
    ("where", "name", "fault"),
    BEFORE_SENDING,
    ids=[f"{getattr(w, '__name__', w)}.{n}" for w, n, _ in BEFORE_SENDING],
)
def test_a_stage_that_fails_before_sending_lets_nothing_out(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, fault: Any
) -> None:
    assert inside.get() == 404
    assert len(inside.world.requests(settle_seconds=0.2)) == 1
    with monkeypatch.context() as patch:
        patch.setattr(where, name, fault)
        assert inside.get() in (0, 400, 403, 500, 502)
    assert len(inside.world.requests(settle_seconds=0.2)) == 1
    assert inside.get() == 404, "the sidecar goes on"
    assert "sk-text" not in inside.output.getvalue()


# Not on an ordinary request's way; "judge": see test_passing.
SOCKET_HOOKS = {"websocket_message", "websocket_end", "error", "judge"}


@pytest.mark.parametrize("name", sorted({h.__name__ for h in hooks.HOOKS.values()} - SOCKET_HOOKS))
def test_a_hook_that_fails_ends_the_connection_or_refuses(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as patch:
        for kind, handler in list(hooks.HOOKS.items()):
            if handler.__name__ == name:
                patch.setitem(hooks.HOOKS, kind, broken)
        assert inside.get() in (0, 400, 403, 500, 502)
    if name not in ("response_headers", "response"):
        assert inside.world.requests(settle_seconds=0.2) == []
    assert inside.get() == 404


def test_a_scrubber_that_fails_ends_the_response(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ScrubStream, "feed", broken)
        assert inside.get() == 0
    assert inside.get() == 404


def test_a_meter_that_fails_ends_the_response_and_gives_the_lease_back(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Spend, "feed", broken)
        assert inside.post() == 0
    assert inside.ledger.open == set()
    assert [t for t, _ in inside.ledger.told if t == "settle"], "what was spent is booked"
    assert inside.post() == 200


@pytest.mark.parametrize("fault", [LedgerDown("down"), Broken("x"), TimeoutError(), OSError()])
def test_a_gate_that_fails_refuses(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async def fails(*_: Any, **__: Any) -> Any:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(inside.ledger, "admit", fails)
        assert inside.post() in (500, 503)
    assert inside.world.requests(settle_seconds=0.2) == []
    assert inside.post() == 200


def test_a_request_that_is_refused_after_admission_gives_its_lease_back(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "sign", broken)
        assert inside.post() == 500
    assert inside.ledger.open == set()
    assert inside.world.requests(settle_seconds=0.2) == []


def test_an_upstream_that_cannot_be_reached_gives_the_lease_back(inside: Inside) -> None:
    inside.world.fail_certificates({ANTHROPIC: "expired"})
    assert inside.post() == 502
    inside.world.fail_certificates({})
    assert inside.ledger.open == set()
    assert "settle" not in [t for t, _ in inside.ledger.told], "nothing was sent, nothing is owed"


def test_an_upstream_that_vanishes_is_booked_as_partial(inside: Inside) -> None:
    inside.world.default(cut_after=3, events=50)
    assert inside.post(stream=True) == 0
    booked = [rows for kind, rows in inside.ledger.told if kind == "settle"]
    assert len(booked) == 1
    assert booked[0][0].completeness == "partial"
    assert inside.ledger.open == set()


def test_a_full_disk_stops_the_log_and_nothing_else(inside: Inside) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "full")

    before = inside.sidecar.log
    inside.sidecar.log = Log(Full())
    try:
        assert inside.get() == 404
        with inside.client() as http:
            denied = http.get(f"https://denied.example.com:{inside.world.tls_port}/")
        assert denied.status_code == 403
    finally:
        inside.sidecar.log = before


def test_many_denials_report_few_events(inside: Inside) -> None:
    with inside.client() as http:
        for _ in range(60):
            http.get(f"https://denied.example.com:{inside.world.tls_port}/")
    events = [t for t, _ in inside.ledger.told if t == "denial"]
    assert 0 < len(events) < 60
    assert inside.sidecar.records.counts["denied"] >= 60
