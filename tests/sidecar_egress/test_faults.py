"""Whatever stage fails, nothing passes.

The sidecar runs inside this process here, so that each stage can be made to fail in turn; the
same request passes before and after.
"""

from __future__ import annotations

import asyncio
import errno
import io
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from botbottle.ledger.records import Admitted, Progress, Refusal
from botbottle.model.route import Auth, Dlp, Route
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.model.usage import Exchange, Tokens
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
    target,
)
from botbottle.sidecar.egress.app import App, Settings
from botbottle.sidecar.egress.gate import Cut, LedgerDown
from botbottle.sidecar.egress.log import Log
from botbottle.sidecar.egress.resolve import Resolver
from botbottle.sidecar.egress.scrub import ScrubStream
from botbottle.sidecar.egress.spend import Spend
from botbottle.sidecar.egress.tls import AgentSide, WorldSide
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE
from tests.world import World

SECRET = "real-secret-value-0123"


class FakeLedger:
    """Admits everything, remembers what it was told."""

    def __init__(self) -> None:
        self.ready = True
        self.on_cut: Cut = lambda lease, reason: None
        self.told: list[tuple[str, Any]] = []
        self.open: set[str] = set()

    async def start(self) -> None: ...

    async def close(self) -> int:
        return 0

    async def admit(
        self, provider: str, model: str, *, tokens_in: int, tokens_out: int
    ) -> Admitted | Refusal:
        lease = f"lease-{len(self.told)}"
        self.told.append(("admit", provider))
        self.open.add(lease)
        return Admitted(lease, 0.0, tokens_in + tokens_out, 1_000_000)

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        return Progress(False, 1_000_000)

    async def ask(self, kind: str, payload: Mapping[str, Any], text: str, seconds: float) -> bool:
        raise LedgerDown

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None:
        self.told.append(("settle", tuple(exchanges)))
        self.open.discard(lease)

    def release(self, lease: str) -> None:
        self.told.append(("release", lease))
        self.open.discard(lease)

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        self.told.append((kind, dict(data)))

    def heartbeat(self, status: Mapping[str, Any]) -> None: ...


class Inside:
    """A sidecar in a thread of this process."""

    hosts = f"{EXAMPLE} {ANTHROPIC}"
    trusted: tuple[str, ...] = ()

    def __init__(self, folder: Path, world: World) -> None:
        for name in ("control", "ca", "public"):
            (folder / name).mkdir()
        (folder / "hosts").write_text(f"127.0.0.1 {self.hosts}\n")
        self.world, self.folder, self.ledger = world, folder, FakeLedger()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.app = self.call(self._start())
        self.sidecar = self.app.sidecar
        self.output = io.StringIO()
        self.sidecar.log = Log(self.output)
        self.configure()

    async def _start(self) -> App:
        folder = self.folder
        settings = Settings(
            "127.0.0.1", 0, -1, -1, -1, ledger=None, control=folder / "control",
            ca=folder / "ca", public=folder / "public", hosts=folder / "hosts",
            trusted_networks=self.trusted,
        )  # fmt: skip
        app = App(settings, lambda _: self.ledger)
        await app.start()
        return app

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def configure(self) -> None:
        port = self.world.tls_port
        routes = (
            Route(EXAMPLE, port, Auth("Bearer", "T"), allow_private=True),
            Route(
                ANTHROPIC,
                port,
                allow_private=True,
                provider="claude",
                dlp=Dlp(None, None, "redact"),
            ),
        )
        config = SidecarConfig("b", routes, upstream_ca=self.world.authority.pem.decode())

        async def work() -> None:
            self.sidecar.configure(config, {"T": SECRET}, b"k")

        self.call(work())

    def close(self) -> None:
        self.call(self.app.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def client(self) -> httpx.Client:
        context = ssl.create_default_context(cafile=str(self.folder / "public" / "ca.pem"))
        proxy = f"http://127.0.0.1:{self.app.ports['proxy']}"
        return httpx.Client(proxy=proxy, verify=context, timeout=10)

    def get(self) -> int:
        """Status of a plain request; 0 when the connection ended instead."""
        with self.client() as http:
            try:
                return http.get(f"https://{EXAMPLE}:{self.world.tls_port}/x").status_code
            except httpx.HTTPError:
                return 0

    def post(self, *, stream: bool = False) -> int:
        """Status of a metered request; 0 when the connection ended instead."""
        body = {"model": "claude-opus-5-5", "max_tokens": 5, "messages": [], "stream": stream}
        with self.client() as http:
            try:
                url = f"https://{ANTHROPIC}:{self.world.tls_port}/v1/messages"
                return http.post(url, json=body).status_code
            except httpx.HTTPError:
                return 0


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
    (auth, "strip", broken),
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


SOCKET_HOOKS = {"websocket_message", "websocket_end", "error"}  # not on an ordinary request's way


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
        patch.setattr(pipeline, "_sign", broken)
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
    assert inside.sidecar.counts["denied"] >= 60
