"""Everything that listens, started and stopped together."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.world.app import App
from tests.world.ca import Authority
from tests.world.control import Control
from tests.world.dns import Responder
from tests.world.server import Server
from tests.world.sinks import Sinks


@dataclass(frozen=True, slots=True)
class Options:
    """Where to listen; port 0 means any, None means not at all."""

    listen: str = "127.0.0.1"
    tls_port: int | None = 0
    http_port: int | None = 0
    control_listen: str = "127.0.0.1"
    control_port: int | None = 0
    control_socket: Path | None = None
    dns_port: int | None = None
    dns_answer: str | None = None
    tcp_sinks: tuple[int, ...] = ()
    udp_sinks: tuple[int, ...] = ()
    seed: int = 0


@dataclass(slots=True)
class Ports:
    """The ports that were opened; 0 where there is none."""

    tls: int = 0
    http: int = 0
    control: int = 0
    dns: int = 0
    tcp_sinks: list[int] = field(default_factory=list)
    udp_sinks: list[int] = field(default_factory=list)


@dataclass
class Service:
    """One running world inside an event loop."""

    options: Options
    authority: Authority
    ports: Ports = field(default_factory=Ports)

    def __post_init__(self) -> None:
        self.app = App(self.options.seed)
        self.server = Server(self.app, self.authority)
        wanted = self.options.dns_port is not None
        self.dns = Responder(self.options.dns_answer) if wanted else None
        self.sinks = Sinks()
        self.control = Control(self.app, self.authority, self.dns, self.sinks, self.server.drop)

    async def start(self) -> None:
        """Open all ports."""
        asked = self.options
        if asked.tls_port is not None:
            self.ports.tls = await self.server.listen(asked.listen, asked.tls_port, tls=True)
        if asked.http_port is not None:
            self.ports.http = await self.server.listen(asked.listen, asked.http_port, tls=False)
        if asked.control_port is not None:
            self.ports.control = await self.control.listen(asked.control_listen, asked.control_port)
        if asked.control_socket is not None:
            await self.control.listen_unix(asked.control_socket)
        if self.dns is not None and asked.dns_port is not None:
            self.ports.dns = await self.dns.listen(asked.listen, asked.dns_port)
        for port in asked.tcp_sinks:
            self.ports.tcp_sinks.append(await self.sinks.listen_tcp(asked.listen, port))
        for port in asked.udp_sinks:
            self.ports.udp_sinks.append(await self.sinks.listen_udp(asked.listen, port))

    async def stop(self) -> None:
        """Close all ports and connections."""
        self.control.close()
        if self.dns is not None:
            self.dns.close()
        self.sinks.close()
        await self.server.close()

    def ready(self) -> dict[str, Any]:
        """The line that says that it runs, as JSON-like data."""
        ports = asdict(self.ports)
        named = {name: ports.pop(name) for name in ("tcp_sinks", "udp_sinks")}
        named |= {f"{name}_port": number for name, number in ports.items()}
        return {"ready": True, "pid": os.getpid(), **named}
