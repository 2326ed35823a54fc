"""The way of a request through the stages, and of its response back.

Every method is a fail-closed boundary: an exception in a stage refuses the request, or ends a
response that is already on its way. Nothing in here decides by itself; stages do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

from mitmproxy import http
from mitmproxy.proxy.layers.websocket import WebSocketMessageInjected
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from botbottle.ledger.records import Refusal
from botbottle.meter import Call, Conversations, Kind, Reason, Request, read_request, refusal
from botbottle.meter.decode import ContentDecoder, Undecodable
from botbottle.sidecar.egress import auth, git
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.gate import LedgerDown
from botbottle.sidecar.egress.inbound import HELD, InboundScan, blocked
from botbottle.sidecar.egress.layers import AUTHORITY, CutStream, response_of
from botbottle.sidecar.egress.passage import Passage
from botbottle.sidecar.egress.scan import OutboundScan, Outgoing
from botbottle.sidecar.egress.scrub import Scrubber
from botbottle.sidecar.egress.socket import SocketSpend
from botbottle.sidecar.egress.spend import Spend
from botbottle.sidecar.egress.stages import Head, judge
from botbottle.sidecar.egress.target import Claim

if TYPE_CHECKING:
    from botbottle.sidecar.egress.driver import Driver
    from botbottle.sidecar.egress.sidecar import Sidecar

_KEY = "bb"
_OFF_LOOP = 256 * 1024  # bytes of body from which parsing leaves the event loop
_PORTS = {"tls": 443, "plain": 80}


class Pipeline:
    """All requests of one sidecar."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._conversations = Conversations()
        self._outbound = OutboundScan(sidecar.ledger)

    # -- request -------------------------------------------------------------------------------

    def head(self, flow: http.HTTPFlow, driver: Driver) -> None:
        """Judge the head of a request; a denial is set as its response."""
        passage = Passage(driver, self._sidecar.active)
        flow.metadata[_KEY] = passage
        if flow.error:  # refused by the protocol layer
            return
        if passage.active is None:
            denial: Denial | None = Denial("not-configured", "this bottle is not configured yet")
        else:
            denial = judge(passage, head_of(flow, driver), passage.active)
        if denial is not None:
            self.deny(flow, passage, denial)
            return
        self._sidecar.live[flow.id] = flow
        flow.request.authority = flow.request.authority if flow.request.is_http2 else ""

    def body(self, flow: http.HTTPFlow) -> Coroutine[Any, Any, None] | None:
        """Judge the whole request and make it ready to leave."""
        passage = passage_of(flow)
        if passage is None or passage.denial is not None or flow.response is not None:
            return None
        return self._leave(flow, passage)

    async def _leave(self, flow: http.HTTPFlow, passage: Passage) -> None:
        try:
            denial = await self._judge_body(flow, passage)
            if denial is None:
                _sign(flow, passage)
        except Exception as error:  # noqa: BLE001 - fail closed: a stage that failed allows nothing
            passage.failure = f"request: {type(error).__name__}"
            denial = Denial("internal", "a stage failed")
        if denial is not None:
            self.deny(flow, passage, denial)

    async def _judge_body(self, flow: http.HTTPFlow, passage: Passage) -> Denial | None:
        body = flow.request.raw_content or b""
        if git.is_lfs_upload(passage.where.path, body):
            return Denial("git-push", "uploading Git LFS objects is never allowed")
        stripped = auth.strip(flow.request.headers.fields, passage.where.query)
        denial = await self._scan(flow, passage, stripped, body)
        if denial is not None:
            return denial
        return await self._gate(flow, passage, flow.request.raw_content or b"")

    async def _scan(
        self, flow: http.HTTPFlow, passage: Passage, stripped: auth.Signed, body: bytes
    ) -> Denial | None:
        """Scan what would leave; put the result (maybe redacted) into the flow."""
        where, route, active = passage.where, passage.way, passage.policy
        origin = f"{'https' if where.tls else 'http'}://{where.host}:{where.port}"
        path = flow.request.path.partition("?")[0]
        url = f"{origin}{path}?{stripped.query}" if stripped.query else f"{origin}{path}"
        trailers = flow.request.trailers.fields if flow.request.trailers else ()
        message = Outgoing(
            url,
            (*stripped.headers, *trailers),
            body,
            flow.request.headers.get("content-type", ""),
            flow.request.headers.get("content-encoding", ""),
        )
        self._placeholders(passage, message)
        judged = await self._outbound.judge(
            active.scanner, route, message, supervised=active.config.supervise
        )
        self._sidecar.noted(passage, judged.noted)
        if judged.denial is not None:
            return judged.denial
        flow.request.trailers = None
        flow.request.headers.fields = judged.message.headers[: len(stripped.headers)]
        flow.request.path = judged.message.url.removeprefix(origin)
        if judged.message.body is not body:
            flow.request.raw_content = judged.message.body
        return None

    def _placeholders(self, passage: Passage, message: Outgoing) -> None:
        """Notice a placeholder that travels anywhere but in the place that is replaced."""
        for text, secret in passage.policy.placeholders.items():
            raw = text.encode()
            in_headers = any(raw in value for _, value in message.headers)
            if raw in message.body or in_headers or text in message.url:
                self._sidecar.leaked(passage, secret)

    async def _gate(self, flow: http.HTTPFlow, passage: Passage, body: bytes) -> Denial | None:
        call, ledger = passage.call, self._sidecar.ledger
        if call is None or not (call.metered or call.kind is Kind.WEBSOCKET):
            return None
        if call.kind is Kind.WEBSOCKET:
            return None if ledger.ready else _no_ledger()
        request = await self._read(call, body, flow, passage)
        if not call.gated:
            passage.spend = self._spend(flow, passage, call, request, None)
            return None if ledger.ready else _no_ledger()
        try:
            answer = await ledger.admit(
                call.provider,
                request.model,
                tokens_in=request.input_estimate,
                tokens_out=request.allowance,
            )
        except LedgerDown:
            return _no_ledger()
        if isinstance(answer, Refusal):
            return _over_budget(call, answer)
        passage.spend = self._spend(flow, passage, call, request, answer)
        return None

    def _spend(
        self, flow: http.HTTPFlow, passage: Passage, call: Call, request: Request, admitted: Any
    ) -> Spend:
        return Spend(self._sidecar.ledger, call, request, admitted, lambda: self.cut(flow))

    async def _read(
        self, call: Call, body: bytes, flow: http.HTTPFlow, passage: Passage
    ) -> Request:
        coding = flow.request.headers.get("content-encoding", "")
        arguments = (call, body, coding, passage.id, self._conversations)
        if len(body) < _OFF_LOOP:
            return read_request(*arguments)
        return await asyncio.to_thread(read_request, *arguments)

    def deny(self, flow: http.HTTPFlow, passage: Passage, denial: Denial) -> None:
        """Answer with a denial; whatever was admitted is given back."""
        passage.denial = denial = _located(denial, flow, passage)
        flow.response = response_of(denial, passage.id, http2=flow.request.is_http2)
        self._sidecar.denied(denial, passage)
        if passage.spend is not None:
            passage.spend.close(Reason.CLIENT_GONE)
        self._sidecar.live.pop(flow.id, None)

    def sending(self, flow: http.HTTPFlow) -> None:
        """The upstream connection is there and the request goes out."""
        passage = passage_of(flow)
        if passage is not None and passage.spend is not None:
            passage.spend.sending()

    # -- response ------------------------------------------------------------------------------

    def response_head(self, flow: http.HTTPFlow) -> None:
        """Prepare to stream the response through scrubber and meter."""
        passage, response = passage_of(flow), flow.response
        if passage is None or response is None or passage.denial is not None:
            return
        scrubber = passage.policy.scrubber
        if scrubber:
            _scrub_headers(response, scrubber)
        if passage.spend is not None:
            headers = _joined(response.headers)
            passage.spend.responding(response.status_code, headers, self._conversations)
        if response.status_code == 101:
            self._opened(flow, passage)
            return
        coding = response.headers.get("content-encoding", "")
        detectors = frozenset(passage.way.dlp.inbound_detectors or ())
        scan = InboundScan(passage.policy.key, detectors, coding) if detectors else None
        if scan is not None and passage.spend is None and _is_short(response):
            return  # held back whole, judged in ``finished``
        response.stream = _tee(passage.spend, scrubber, coding, scan)

    def finished(self, flow: http.HTTPFlow) -> None:
        """The whole response has passed."""
        passage = passage_of(flow)
        if passage is None or passage.denial is not None:
            return
        if self._injected(flow, passage):
            return
        if passage.spend is not None:
            passage.spend.close(Reason.COMPLETE)
        if passage.socket is None:
            self._sidecar.live.pop(flow.id, None)
        self._sidecar.passed(flow, passage, "complete")

    def _injected(self, flow: http.HTTPFlow, passage: Passage) -> bool:
        """Judge a response that was held back whole; a refused one is replaced."""
        response = flow.response
        if response is None or response.stream or response.status_code == 101:
            return False
        detectors = frozenset(passage.way.dlp.inbound_detectors or ())
        coding = response.headers.get("content-encoding", "")
        raw = response.raw_content or b""
        found = passage.policy.scanner.scan_response((), raw, "", coding, detectors)
        self._sidecar.noted(passage, found)
        if not blocked(found):
            response.raw_content = passage.policy.scrubber.clean(raw)
            return False
        self.deny(flow, passage, Denial("injection", "the response was refused"))
        return True

    def failed(self, flow: http.HTTPFlow) -> None:
        """The exchange broke off, on whichever side."""
        message = flow.error.msg if flow.error else ""
        gone = "client" in message.lower()
        self.end(flow, Reason.CLIENT_GONE if gone else Reason.UPSTREAM_FAILED)

    def end(self, flow: http.HTTPFlow, reason: Reason) -> None:
        """Settle whatever is open for a flow. Idempotent."""
        self._sidecar.live.pop(flow.id, None)
        passage = passage_of(flow)
        if passage is None:
            return
        if passage.spend is not None:
            passage.spend.close(reason)
        if passage.socket is not None:
            passage.socket.close(reason)
        if passage.denial is None:
            self._sidecar.passed(flow, passage, reason.value)

    def cut(self, flow: http.HTTPFlow) -> None:
        """End a stream in flight now, on both sides."""
        passage = passage_of(flow)
        if passage is None or passage.driver.closed:
            return
        self._sidecar.log.write("block", "cut", **_where(passage))
        if flow.websocket is not None:
            passage.driver.abort()
        else:
            passage.driver.feed(CutStream(flow))

    # -- WebSocket -----------------------------------------------------------------------------

    def _opened(self, flow: http.HTTPFlow, passage: Passage) -> None:
        call = passage.call
        if call is not None and call.kind is Kind.WEBSOCKET:
            passage.socket = SocketSpend(
                self._sidecar.ledger,
                call,
                passage.id,
                self._conversations,
                lambda frame: self._cut_socket(flow, frame),
            )

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
            if message.from_client and not await self._scan_message(passage, message):
                message.dropped = True
                passage.driver.abort()
                return
            answer = await self._account(passage, message)
            if not message.from_client and passage.policy.scrubber:
                message.content = passage.policy.scrubber.clean(message.content)
        except Exception as error:  # noqa: BLE001 - fail closed: an unjudged message is dropped
            passage.failure = f"message: {type(error).__name__}"
            message.dropped = True
            passage.driver.abort()
            return
        if answer is not None:
            message.dropped = True
            if answer:
                self._inject(flow, passage, answer)

    async def _scan_message(self, passage: Passage, message: WebSocketMessage) -> bool:
        """Whether a message of the agent's may leave; what can be cut out is cut out."""
        active = passage.policy
        judged = await self._outbound.judge(
            active.scanner,
            passage.way,
            Outgoing("", (), message.content),
            supervised=active.config.supervise,
        )
        self._sidecar.noted(passage, judged.noted)
        if judged.denial is not None:
            self._sidecar.denied(judged.denial, passage)
            return False
        message.content = judged.message.body
        return True

    async def _account(self, passage: Passage, message: WebSocketMessage) -> bytes | None:
        """None: pass. Otherwise drop the message and give the agent the answer, if any."""
        if passage.socket is None:
            return None
        if message.from_client:
            return await passage.socket.client_frame(message.content)
        return None if await passage.socket.server_frame(message.content) else b""

    def _inject(self, flow: http.HTTPFlow, passage: Passage, frame: bytes) -> None:
        told = WebSocketMessage(Opcode.TEXT, False, frame, injected=True)
        passage.driver.feed(WebSocketMessageInjected(flow, told))

    def _cut_socket(self, flow: http.HTTPFlow, frame: bytes) -> None:
        passage = cast(Passage, passage_of(flow))
        self._inject(flow, passage, frame)
        passage.driver.abort_upstream(flow.server_conn)

    def socket_closed(self, flow: http.HTTPFlow) -> None:
        """The WebSocket ended in an orderly way."""
        self.end(flow, Reason.CLIENT_GONE)


def passage_of(flow: http.HTTPFlow) -> Passage | None:
    """The passage of a flow, or None for a flow that never had its head judged."""
    return flow.metadata.get(_KEY)


def head_of(flow: http.HTTPFlow, driver: Driver) -> Head:
    """The head as pure data. mitmproxy's own idea of host and port is not used: it is derived
    from what is checked here."""
    request = flow.request
    wire = str(vars(request).get(AUTHORITY, ""))
    hosts = tuple(request.headers.get_all("host"))
    if request.is_http2 and wire:
        hosts, wire = (wire, *hosts), ""
    sni = flow.client_conn.sni or ""
    tls = flow.client_conn.tls
    if driver.tunnel is not None:
        name, port = driver.tunnel
        authority, kind = f"{name}:{port}", "tunnel"
        hosts = (wire, *hosts) if wire else hosts
    elif driver.listener == "proxy":
        authority, kind, port = wire, "proxy", request.port
    else:
        authority, kind, port = "", "direct", _PORTS[driver.listener]
        hosts = (wire, *hosts) if wire else hosts
    claim = Claim(kind, tls, port, authority, sni, hosts, request.method, request.path)
    return Head(claim, _joined(request.headers), request.headers.fields)


def _joined(headers: http.Headers) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.fields:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _sign(flow: http.HTTPFlow, passage: Passage) -> None:
    """Put the route's credential in; the agent's own were stripped before the scan."""
    route, active = passage.way, passage.policy
    path, _, query = flow.request.path.partition("?")
    signed = auth.Signed(flow.request.headers.fields, query)
    if route.auth is not None:
        value = active.secret_of(route)
        if not value:
            raise LookupError("a credential vanished between stages")
        signed = auth.inject(signed, route.auth, value)
    flow.request.headers.fields = signed.headers
    if signed.query != query:
        flow.request.path = f"{path}?{signed.query}"


def _is_short(response: http.Response) -> bool:
    length = response.headers.get("content-length", "")
    return length.isdecimal() and int(length) <= HELD


def _tee(
    spend: Spend | None, scrubber: Scrubber, coding: str, scan: InboundScan | None
) -> bool | Callable[[bytes], bytes | list[bytes]]:
    if spend is None and not scrubber and scan is None:
        return True
    encoded = bool(coding) and coding.strip().lower() != "identity"
    cleaner = scrubber.stream() if scrubber and not encoded else None
    checker = _Checker(scrubber, coding) if scrubber and encoded else None

    def tee(chunk: bytes) -> bytes | list[bytes]:
        if spend is not None and chunk:
            spend.feed(chunk)
        if scan is not None and chunk:
            scan.feed(chunk)
        if checker is not None and chunk:
            checker.feed(chunk)
        if cleaner is None:
            return chunk
        out = cleaner.feed(chunk) if chunk else cleaner.finish()
        # An empty bytes object would end a chunked body; an empty list sends nothing.
        return out or []

    return tee


class EchoInEncodedBody(Exception):
    """A compressed response carries a real credential: it cannot be overwritten, only stopped."""


class _Checker:
    """Looks into a compressed body for secrets; raising ends the connection."""

    def __init__(self, scrubber: Scrubber, coding: str) -> None:
        self._stream = scrubber.stream()
        try:
            self._decoder = ContentDecoder(coding)
        except Undecodable as error:
            raise EchoInEncodedBody("a response in an encoding that cannot be checked") from error

    def feed(self, chunk: bytes) -> None:
        for piece in self._decoder.feed(chunk):
            self._stream.feed(piece)
            if self._stream.found:
                raise EchoInEncodedBody


def _scrub_headers(response: http.Response, scrubber: Scrubber) -> None:
    fields = response.headers.fields
    if any(scrubber.hits(value) for _, value in fields):
        response.headers.fields = tuple((n, scrubber.clean(v)) for n, v in fields)


def _located(denial: Denial, flow: http.HTTPFlow, passage: Passage) -> Denial:
    target = passage.target
    return Denial(
        denial.code,
        denial.reason,
        target.host if target else "",
        flow.request.method[:32],
        target.path if target else "",
        denial.close,
        denial.response,
    )


def _where(passage: Passage) -> dict[str, str]:
    target = passage.target
    if target is None:
        return {"id": passage.id}
    return {
        "id": passage.id,
        "host": target.host,
        "method": target.method,
        "path": target.path,
    }


def _no_ledger() -> Denial:
    return Denial("no-ledger", "the budget cannot be checked now")


def _over_budget(call: Call, answer: Refusal) -> Denial:
    said = refusal(call, message=answer.message, retry_after=answer.retry_after)
    code = "held" if answer.code == "held" else "budget"
    return Denial(code, answer.message, response=(said.status, said.headers, said.body))
