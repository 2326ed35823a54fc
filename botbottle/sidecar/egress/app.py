"""Start-up and shutdown of the sidecar process."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import random
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from botbottle.sidecar.egress import control, dns, memory, slim
from botbottle.sidecar.egress.authority import open_authority, publish
from botbottle.sidecar.egress.carrier import Listener
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.log import Log
from botbottle.sidecar.egress.resolve import Resolver, read_hosts
from botbottle.sidecar.egress.sidecar import Sidecar

HEARTBEAT = 5.0  # seconds
TOGETHER = 0.25  # seconds of each HEARTBEAT in which the sidecars of a machine report
SCANNERS = 2  # threads for large bodies; each keeps 5 MiB of the scanners' scratch
SWITCH = 0.0005  # seconds; the interpreter's own 5 ms would be what a stream waits beside a scan


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the process is told. Port 0 picks a free one, -1 leaves the listener out."""

    listen: str = "0.0.0.0"  # noqa: S104 - the bottle's internal network, and nothing else
    peers: str = "0.0.0.0/0"  # a sidecar's addresses are reached from its outer network, too
    proxy_port: int = 9099
    https_port: int = 443
    http_port: int = 80
    dns_port: int = 53
    dns_answer: str = ""
    ledger: Path | None = Path("/run/bb/ledger")
    control: Path = Path("/run/bb/control")
    ca: Path = Path("/run/bb/ca")
    public: Path = Path("/run/bb/public")
    system: Path | None = None
    hosts: Path | None = None
    trusted_networks: tuple[str, ...] = ()
    name: str = "botbottle"


class App:
    """The process: listeners around one :class:`Sidecar`."""

    def __init__(self, settings: Settings, connect: Callable[[Settings], Ledger]) -> None:
        self._settings = settings
        authority = open_authority(settings.ca, f"botbottle {settings.name}")
        publish(authority, settings.public, settings.system)
        self._peers = ipaddress.IPv4Network(settings.peers)
        hosts = read_hosts(settings.hosts) if settings.hosts else {}
        resolver = Resolver(hosts, settings.trusted_networks)
        self.sidecar = Sidecar(authority, connect(settings), resolver, Log(), keep=settings.ca)
        self.ports: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []
        self._udp: asyncio.BaseTransport | None = None

    async def start(self) -> None:
        """Listen everywhere; the control socket comes last, so who can ask finds all ready."""
        slim.slim()
        settings = self._settings
        await self.sidecar.ledger.start()
        await self._listen("proxy", settings.proxy_port)
        await self._listen("tls", settings.https_port)
        await self._listen("plain", settings.http_port)
        if settings.dns_port >= 0:
            answer = settings.dns_answer or _own_address(settings.listen)
            self._udp, server = await dns.serve(settings.listen, settings.dns_port, answer)
            self._keep("dns", server)
        self._servers.append(await control.serve(self.sidecar, settings.control))
        self.sidecar.log.write("info", "listening", **self.ports)

    async def _listen(self, listener: Listener, port: int) -> None:
        if port < 0:
            return
        factory = functools.partial(self.sidecar.accept, listener, self._peers)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(factory, self._settings.listen, port, backlog=256)
        self._keep(listener, server)

    def _keep(self, name: str, server: asyncio.Server) -> None:
        self._servers.append(server)
        self.ports[name] = server.sockets[0].getsockname()[1]

    async def beat(self) -> None:
        """Report to the ledger until cancelled."""
        place = random.uniform(0, TOGETHER)  # noqa: S311 - spreads load
        while True:
            self.sidecar.ledger.heartbeat(self.sidecar.pulse())
            await asyncio.sleep(until_beat(time.time(), place))

    async def stop(self) -> None:
        """Stop listening, settle what is open."""
        for server in self._servers:
            server.close()
        if self._udp:
            self._udp.close()
        await self.sidecar.stop()
        if lost := await self.sidecar.ledger.close():
            self.sidecar.log.write("error", "usage not delivered", rows=lost)


def until_beat(now: float, place: float) -> float:
    """Seconds from ``now`` (epoch) until the next report, which is due ``place`` seconds after a
    whole multiple of HEARTBEAT. All sidecars of a machine report at about the same time, so that
    the ledger changes, and wakes whoever looks at it, a few times in a HEARTBEAT and not all the
    time. One that reported just now waits for the next turn but one."""
    left = HEARTBEAT - (now - place) % HEARTBEAT
    return left if left > HEARTBEAT / 2 else left + HEARTBEAT


def _own_address(listen: str) -> str:
    """The address a program in the bottle reaches this sidecar at."""
    if listen not in ("0.0.0.0", ""):  # noqa: S104 - compared, not bound
        return listen
    import socket

    return socket.gethostbyname(socket.gethostname())


def prepare(loop: asyncio.AbstractEventLoop) -> None:
    """Threads for scans, which give way to the event loop after ``SWITCH`` at the latest."""
    loop.set_default_executor(ThreadPoolExecutor(SCANNERS, "scan"))
    sys.setswitchinterval(SWITCH)


async def run(settings: Settings, connect: Callable[[Settings], Ledger]) -> None:
    """Run until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    prepare(loop)
    app = App(settings, connect)
    await app.start()
    memory.settle()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    beating = asyncio.create_task(app.beat())
    await stopping.wait()
    beating.cancel()
    await app.stop()
    app.sidecar.log.write("info", "stopped")
