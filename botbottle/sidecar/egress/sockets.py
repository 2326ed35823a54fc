"""WebSocket messages through the stages: scan, admit, account, scrub."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, cast

from mitmproxy import http
from mitmproxy.proxy.layers.websocket import WebSocketMessageInjected
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from botbottle.dlp import Scanner
from botbottle.meter import Conversations, Kind
from botbottle.sidecar.egress.admission import outgoing
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.frames import Again
from botbottle.sidecar.egress.inbound import SocketScan, blocked
from botbottle.sidecar.egress.passage import Passage, passage_of
from botbottle.sidecar.egress.ports import Shared
from botbottle.sidecar.egress.preflight import Preflight
from botbottle.sidecar.egress.scan import OFF_LOOP, OutboundScan, Outgoing
from botbottle.sidecar.egress.socket_spend import SocketSpend
from botbottle.sidecar.egress.waiting import Places, Still, WaitingFrames


class Sockets:
    """All WebSockets of one sidecar."""

    def __init__(
        self,
        sidecar: Shared,
        outbound: OutboundScan,
        conversations: Conversations,
        preflight: Preflight,
    ) -> None:
        self._sidecar = sidecar
        self._preflight = preflight
        self._outbound = outbound
        self._conversations = conversations
        self._places = Places()

    def opened(self, flow: http.HTTPFlow, passage: Passage) -> None:
        """The upgrade was accepted by both sides."""
        if detectors := frozenset(passage.way.dlp.inbound_detectors or ()):
            passage.orders = SocketScan(passage.policy.key, detectors)
        call = passage.call
        if call is not None and call.kind is Kind.WEBSOCKET:
            passage.socket = SocketSpend(
                self._sidecar.ledger,
                call,
                passage.id,
                self._conversations,
                lambda frame: self._cut_socket(flow, frame),
                lambda frame: self._count(flow, passage, frame),
                WaitingFrames(
                    self._places, lambda message: passage.driver.feed(Again(flow, message))
                ),
            )

    async def _count(self, flow: http.HTTPFlow, passage: Passage, frame: bytes) -> int | None:
        """The provider's count of a frame's input, where the policy asks for it."""
        if passage.call is None or passage.policy.config.preflight != "exact":
            return None
        leaving = replace(outgoing(flow, frame), coding="")
        return await self._preflight.count(passage, passage.call, leaving)

    def message(self, flow: http.HTTPFlow) -> Coroutine[Any, Any, None] | None:
        """One WebSocket message, in either direction."""
        passage = passage_of(flow)
        if flow.websocket is None:
            return None
        message = flow.websocket.messages[-1]
        flow.websocket.messages.clear()  # a socket lives for an hour: keep nothing
        if message.injected:
            return None
        if passage is None:
            message.dropped = True
            return None
        return self._message(flow, passage, message)

    async def _message(
        self, flow: http.HTTPFlow, passage: Passage, message: WebSocketMessage
    ) -> None:
        try:
            answer = await self._judge(passage, message)
        except Exception as error:  # noqa: BLE001 - fail closed: an unjudged message is dropped
            passage.failure = f"message: {type(error).__name__}"
            message.dropped = True
            passage.driver.abort()
            return
        if answer is not None:
            message.dropped = True
            if answer:
                self._inject(flow, passage, answer)

    async def _judge(self, passage: Passage, message: WebSocketMessage) -> bytes | None:
        """None: pass. Otherwise drop the message and give the agent the answer, if any."""
        if not message.from_client:
            passes = passage.socket is None or await passage.socket.server_frame(message.content)
            scan = passage.orders
            if scan is not None and await self._orders(passage, scan, message.content):
                passage.driver.abort()
                return b""
            self._scrub(passage, message)
            return None if passes else b""
        spend = passage.socket
        if spend is not None and (frame := spend.waiting.found(message)):
            return await spend.again(frame)
        may_leave = self._scanning(passage, message)
        if not await may_leave():
            return b""
        return None if spend is None else await spend.client_frame(message, may_leave)

    async def _orders(self, passage: Passage, scan: SocketScan, content: bytes) -> bool:
        """Whether a server's message tries to give the agent orders: it ends the socket."""
        if scan.refused:
            return True
        small = len(content) < OFF_LOOP
        found = scan.feed(content) if small else await asyncio.to_thread(scan.feed, content)
        self._sidecar.records.noted(passage, found)
        scan.refused = blocked(found)
        if scan.refused:
            self._sidecar.records.denied(Denial("injection", "the message was refused"), passage)
        return scan.refused

    def _scrub(self, passage: Passage, message: WebSocketMessage) -> None:
        """Overwrite what the socket was opened with, and what was delivered since."""
        now, before = self._sidecar.active, passage.policy.scrubber
        for scrubber in (before, now.scrubber if now is not None else before):
            if scrubber:
                message.content = scrubber.clean(message.content)

    def _scanning(self, passage: Passage, message: WebSocketMessage) -> Still:
        """What tells whether a message of the agent's may leave; what can be cut out is cut out,
        and what may not leave ends the socket. Asked again, it looks only for what was delivered
        since, also while an operator was waited for."""
        scanner = None

        async def may_leave() -> bool:
            nonlocal scanner
            while scanner is not passage.policy.scanner:
                scanner = passage.policy.scanner
                if not await self._passes(passage, message, scanner):
                    passage.driver.abort()
                    return False
            return True

        return may_leave

    async def _passes(self, passage: Passage, message: WebSocketMessage, scanner: Scanner) -> bool:
        for secret in sorted(await passage.policy.placeholders.body(message.content)):
            self._sidecar.records.leaked(passage, secret)
        judged = await self._outbound.judge(
            scanner,
            passage.way,
            Outgoing("", (), message.content),
            supervised=passage.policy.config.supervise,
        )
        self._sidecar.records.noted(passage, judged.noted)
        if judged.denial is not None:
            self._sidecar.records.denied(judged.denial, passage)
            return False
        message.content = judged.message.body
        return True

    def _inject(self, flow: http.HTTPFlow, passage: Passage, frame: bytes) -> None:
        told = WebSocketMessage(Opcode.TEXT, False, frame, injected=True)
        passage.driver.feed(WebSocketMessageInjected(flow, told))

    def _cut_socket(self, flow: http.HTTPFlow, frame: bytes) -> None:
        passage = cast(Passage, passage_of(flow))
        self._inject(flow, passage, frame)
        passage.driver.abort_upstream(flow.server_conn)
