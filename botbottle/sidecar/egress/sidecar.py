"""The running sidecar: its state, and what the drivers ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import msgspec
from mitmproxy import http
from mitmproxy.proxy.commands import StartHook

import botbottle
from botbottle.dlp import default_rules
from botbottle.meter import Reason
from botbottle.model.sidecar_config import Hold, SidecarConfig
from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.asking import Answer, Question, post
from botbottle.sidecar.egress.authority import Authority
from botbottle.sidecar.egress.calls import Waiting
from botbottle.sidecar.egress.carrier import Listener
from botbottle.sidecar.egress.compiling import Compiler, Delivery, Ready
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.descriptors import Upstreams, bounds, limit
from botbottle.sidecar.egress.driver import Driver
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.hooks import HOOKS, HTTPS
from botbottle.sidecar.egress.link import Closed
from botbottle.sidecar.egress.log import Log
from botbottle.sidecar.egress.logins import Logins
from botbottle.sidecar.egress.options import LayerOptions
from botbottle.sidecar.egress.passage import Passage, passage_of
from botbottle.sidecar.egress.pipeline import Pipeline
from botbottle.sidecar.egress.records import Records
from botbottle.sidecar.egress.refresh import Endpoint
from botbottle.sidecar.egress.refusals import Refusals, response_of
from botbottle.sidecar.egress.resolve import Resolver
from botbottle.sidecar.egress.room import Room
from botbottle.sidecar.egress.sealed import Sealed
from botbottle.sidecar.egress.still import follow
from botbottle.sidecar.egress.target import agreed, split_authority
from botbottle.sidecar.egress.tls import AgentSide, WorldSide
from botbottle.sidecar.egress.turns import Turns
from botbottle.sidecar.egress.unread import Cost

_AGAIN = 4  # renewals of logins while one delivery is compiled
_LAST = 1.0  # seconds for a login that is being renewed at the end; the engine waits two


class Sidecar:
    """One bottle's way out. ``active`` is None until the first configuration arrives.

    ``keep``: the directory that only this sidecar has.
    """

    def __init__(
        self,
        authority: Authority,
        ledger: Ledger,
        resolver: Resolver,
        log: Log | None = None,
        *,
        keep: Path,
    ) -> None:
        self.ledger = ledger
        self.log = log or Log()
        self.connect_timeout = 15.0  # seconds for one address
        self.active: Active | None = None
        self.vault: dict[str, str] = {}
        self.drivers: set[Driver] = set()
        most = bounds(limit())
        self.most_agents, self.upstreams = most.agents, Upstreams(most.upstreams)
        self.turns = Turns()
        self.live: dict[str, http.HTTPFlow] = {}
        self.agent_side = AgentSide(authority)
        self._world_side: WorldSide | None = None  # made with the first configuration
        self.records = Records(
            self.log, ledger, lambda: self.active.scrubber if self.active else None
        )
        self.ledger.on_cut = self._lease_lost
        self._resolver = resolver
        self._trust = ""
        self.logins = Logins(Sealed(keep), self._ask_endpoint, self._renewed, self._not_renewed)
        self.pipeline = Pipeline(self)
        refusals = Refusals(self.records, self.live)
        self.options = LayerOptions(refusals, self.pipeline.sending, Room(self.kept))
        self.compiler = Compiler()
        self._turn = asyncio.Lock()  # one delivery after the other
        self._renewals = self.cuts = 0
        self._hold = Hold()  # of the last cut
        default_rules()  # compiled or read now, not during the first configuration

    # -- configuration -------------------------------------------------------------------------

    async def configure(
        self,
        config: SidecarConfig,
        secrets: Mapping[str, str],
        key: bytes,
        cuts: int | None = None,
    ) -> Active:
        """Make a configuration active, or raise and keep the old one. It is made ready in a thread
        and becomes active in one step; the hold of a ``cut_off`` meanwhile stays. ``cuts``: how
        many there had been when it came, where somebody waited since."""
        cuts = self.cuts if cuts is None else cuts
        async with self._turn:
            ready = await self._ready(Delivery(config, secrets, key))
            was_cut = self.cuts != cuts
            fresh = _held(ready.active, self._hold) if was_cut else ready.active
            self._switch(ready, fresh)
        self.compiler.tidy()
        return fresh

    async def _ready(self, delivery: Delivery) -> Ready:
        """Compile a delivery; anew where a login was renewed meanwhile, whose tokens must not be
        forgotten."""
        trusted = self._world_side is not None and delivery.config.upstream_ca == self._trust
        ready = self.compiler.ready
        for _ in range(_AGAIN):
            renewals, before, logins = self._renewals, self.active, self.logins
            work = partial(ready, delivery, before, logins, trusted=trusted)
            found = await self.compiler.aside(work)
            if renewals == self._renewals:
                return found
        return ready(delivery, self.active, self.logins, trusted=trusted)

    def _switch(self, ready: Ready, fresh: Active) -> None:
        """From here on requests are judged by ``fresh``."""
        before, config = self.active, fresh.config
        if ready.world is not None:
            self._world_side, self._trust = ready.world, config.upstream_ca
        self.active, self.logins = fresh, ready.logins
        if before is not None:
            self._drop_stale(before, fresh, trusted=ready.world is None)
        self.log.level = config.log
        follow(self.live.values(), fresh, self.pipeline)
        self.log.write("info", "configured", hash=fresh.config_hash, routes=len(config.routes))

    def _renewed(self) -> None:
        """A login was renewed: scanners and scrubber must know the new tokens at once. That is
        their tables alone, the routes stay."""
        self._renewals += 1
        if (now := self.active) is not None:
            known = Delivery(now.config, now.secrets, now.key)
            self.active = self.compiler.active(known, now, self.logins)
            follow(self.live.values(), self.active, self.pipeline)
            self.log.write("info", "login renewed")

    def _not_renewed(self, name: str, reason: str) -> None:
        self.log.write("warn", "login not renewed", login=name, reason=reason)

    async def _ask_endpoint(self, where: Endpoint, question: Question) -> Answer:
        """Ask a token endpoint; the agent has no part in it and no route is needed."""
        found = await self.addresses(where.host, HTTPS)
        context = self.world_side.plain_context()
        return await post(question, found[:4], HTTPS, context, where.host)

    def _drop_stale(self, before: Active, fresh: Active, *, trusted: bool) -> None:
        """End kept connections that would not be made again: another trust, or a private
        address that is not allowed any more."""

        def stale(host: str, port: int) -> bool:
            lost = before.index.allows_private(host, port)
            return not trusted or (lost and not fresh.index.allows_private(host, port))

        for driver in list(self.drivers):
            driver.drop_upstreams(stale)

    def cut_off(self, hold: Hold) -> int:
        """Refuse everything from now on and end every stream; returns how many there were.

        The reported hash changes with the hold, so the reconciler sees that it is not what it
        configured.
        """
        streams = len(self.live)
        self.cuts, self._hold = self.cuts + 1, hold
        if self.active is not None:
            self.active = _held(self.active, hold)
        for driver in list(self.drivers):
            driver.abort()
        self.log.write("info", "cut off", streams=streams)
        return streams

    def status(self) -> dict[str, Any]:
        """SidecarStatus as plain data, with extras for people."""
        active = self.active
        return {"config": active.config.to_wire() if active else None, **self.pulse()}

    def pulse(self) -> dict[str, Any]:
        """The status without the routes: small enough for a heartbeat."""
        active = self.active
        return {
            "config_hash": active.config_hash if active else "",
            "secrets": [list(pair) for pair in active.fingerprints] if active else [],
            "version": botbottle.__version__,
            "ready": True,
            "ledger": self.ledger.ready,
            "detail": "" if active else "not configured",
            "connections": len(self.drivers),
            "streams": len(self.live),
            "passed": self.records.counts["passed"],
            "denied": self.records.counts["denied"],
        }

    @property
    def world_side(self) -> WorldSide:
        """TLS towards the world. Raises LookupError before the first configuration."""
        if self._world_side is None:
            raise LookupError("not configured")
        return self._world_side

    # -- what drivers and layers ask -----------------------------------------------------------

    def accept(self, listener: Listener, peers: IPv4Network) -> asyncio.BaseProtocol:
        """The protocol for a new client connection; only ``peers`` are served. More than
        ``most_agents`` would take the descriptors that the control socket needs: they are closed
        again."""
        full = len(self.drivers) >= self.most_agents
        return Closed() if full else Driver(self, listener).accept(peers)

    def kept(self) -> int:
        """Bytes of bodies and messages that are kept until they can be judged or sent."""
        return sum(driver.kept() for driver in self.drivers)

    def hook(self, driver: Driver, command: StartHook) -> Waiting:
        """Answer a hook of mitmproxy's layers."""
        handler = HOOKS.get(type(command))
        return handler(self, driver, command) if handler else None

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Addresses to connect to for a judged target. Raises OSError with a denial code."""
        active = self.active
        if active is None:
            raise OSError("not-configured: this bottle is not configured yet")
        private = active.index.allows_private(host, port)
        return await self._resolver.addresses(host, port, allow_private=private)

    def judge_connect(self, host: str, port: int, hosts: Iterable[str] = ()) -> Denial | None:
        """Whether CONNECT may open a tunnel; what is inside is judged request by request."""
        name = agreed([(host, port), *map(split_authority, filter(None, hosts))], port)
        if isinstance(name, Denial):
            return name
        if self.active is None:
            return Denial("not-configured", "this bottle is not configured yet", name, port=port)
        if self.active.config.learning or port in self.active.index.ports or port == 443:
            return None
        return Denial("no-route", f"no route uses port {port}", name, port=port)

    def _lease_lost(self, lease: str, reason: str) -> None:
        """A quiet request's reservation is gone: nobody vouches for it any more."""
        for flow in list(self.live.values()):
            passage = passage_of(flow)
            if passage is None:
                continue
            costs: tuple[Cost | None, ...] = (passage.spend, passage.socket)
            for cost in costs:
                if cost is not None and cost.holds(lease):
                    self.log.write("warn", "lease lost", id=passage.id, reason=reason)
                    cost.cut()

    def gone(self, driver: Driver) -> None:
        """A client connection ended: settle what it left open."""
        self.drivers.discard(driver)
        for flow in [f for f in self.live.values() if _is_of(f, driver)]:
            self.pipeline.ending.end(flow, Reason.CLIENT_GONE)

    def deny(self, flow: http.HTTPFlow, driver: Driver, denial: Denial) -> None:
        """Refuse a CONNECT."""
        passage = Passage(driver, self.active)
        flow.response = response_of(denial, passage.id, http2=False)
        self.records.denied(denial, passage)

    async def stop(self) -> None:
        """Settle everything that is open."""
        for flow in list(self.live.values()):
            self.pipeline.ending.end(flow, Reason.SHUTDOWN)
        for driver in list(self.drivers):
            driver.abort()
        await self.logins.settled(_LAST)
        self.compiler.stop()
        await asyncio.sleep(0)


def _held(active: Active, hold: Hold) -> Active:
    """The same under a hold; its hash is another one."""
    config = msgspec.structs.replace(active.config, hold=hold)
    return replace(active, config=config, config_hash=config.config_hash)


def _is_of(flow: http.HTTPFlow, driver: Driver) -> bool:
    passage = passage_of(flow)
    return passage is not None and passage.driver is driver
