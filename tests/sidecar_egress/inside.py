"""A sidecar inside this process, with a ledger that is none."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from botbottle.ledger.records import Admitted, Progress, Refusal
from botbottle.model.route import Auth, Dlp, Route
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.model.usage import Exchange, Tokens
from botbottle.sidecar.egress.app import App, Settings
from botbottle.sidecar.egress.gate import Cut, LedgerDown
from botbottle.sidecar.egress.log import Log
from tests.sidecar_egress.rig import ANTHROPIC, EXAMPLE, OPENAI
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

    def passing(self, name: str, rows: Sequence[Exchange]) -> None: ...

    def passed(self, name: str, tokens: Tokens) -> None: ...

    def release(self, lease: str) -> None:
        self.told.append(("release", lease))
        self.open.discard(lease)

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        self.told.append((kind, dict(data)))

    def heartbeat(self, status: Mapping[str, Any]) -> None: ...


class Inside:
    """A sidecar in a thread of this process."""

    hosts = f"{EXAMPLE} {ANTHROPIC} {OPENAI}"
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
            listen="127.0.0.1", proxy_port=0, https_port=-1, http_port=-1, dns_port=-1,
            ledger=None, control=folder / "control",
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
        self.deliver(*routes, secrets={"T": SECRET})

    def deliver(
        self, *routes: Route, secrets: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        """Make these routes active."""
        pem = self.world.authority.pem.decode()
        config = SidecarConfig("b", routes, upstream_ca=pem, **more)
        self.call(self.sidecar.configure(config, secrets or {}, b"k"))

    def tunnel(self, host: str, port: int, alpn: str = "h2", **room: int) -> ssl.SSLSocket:
        """A TLS connection through CONNECT. ``receive``: bytes that the kernel takes for it."""
        raw = socket.socket()
        if "receive" in room:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room["receive"])
        raw.settimeout(30)
        raw.connect(("127.0.0.1", self.app.ports["proxy"]))
        raw.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        assert raw.recv(4096).startswith(b"HTTP/1.1 200")
        context = ssl.create_default_context(cafile=str(self.folder / "public" / "ca.pem"))
        context.set_alpn_protocols([alpn])
        return context.wrap_socket(raw, server_hostname=host)

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
