"""The way of a request through the stages, and of its response back.

Every method is a fail-closed boundary: an exception in a stage refuses the request, or ends a
response that is already on its way. Nothing in here decides by itself; stages do.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from mitmproxy import http
from mitmproxy.net.http.http1 import expected_http_body_size

from botbottle.meter import Conversations, Reason
from botbottle.sidecar.egress import auth, git, handshake, sigv4
from botbottle.sidecar.egress.admission import Gate
from botbottle.sidecar.egress.carrier import Carrier
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.grpc import Conversation, is_grpc
from botbottle.sidecar.egress.heads import head_of, joined
from botbottle.sidecar.egress.inbound import InboundScan, blocked
from botbottle.sidecar.egress.layers import CutStream
from botbottle.sidecar.egress.passage import KEY, Passage, passage_of
from botbottle.sidecar.egress.ports import Shared
from botbottle.sidecar.egress.preflight import Preflight
from botbottle.sidecar.egress.returning import is_short, scrub_head, scrub_trailers, tee_of
from botbottle.sidecar.egress.scan import OutboundScan, Outgoing, detectors_of, in_target
from botbottle.sidecar.egress.signing import authority, signed
from botbottle.sidecar.egress.sockets import Sockets
from botbottle.sidecar.egress.stages import judge
from botbottle.sidecar.egress.stream import response_of
from botbottle.sidecar.egress.upload import Passing, Upload, may_stream

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


class Pipeline:
    """All requests of one sidecar."""

    def __init__(self, sidecar: Shared) -> None:
        self._sidecar = sidecar
        self._conversations = Conversations()
        self._outbound = OutboundScan(sidecar.ledger)
        preflight = Preflight(sidecar)
        self._gate = Gate(sidecar, self._conversations, preflight, self.cut)
        self.sockets = Sockets(sidecar, self._outbound, self._conversations, preflight)

    # -- request -------------------------------------------------------------------------------

    def head(self, flow: http.HTTPFlow, driver: Carrier) -> Coroutine[Any, Any, None] | None:
        """Judge the head of a request; a denial is set as its response. Done once."""
        if passage_of(flow) is not None:
            return None
        passage = Passage(driver, self._sidecar.active)
        flow.metadata[KEY] = passage
        if flow.error:  # refused by the protocol layer
            return None
        if passage.active is None:
            denial: Denial | None = Denial("not-configured", "this bottle is not configured yet")
        else:
            denial = judge(passage, head_of(flow, driver), passage.active)
        if denial is not None:
            self.deny(flow, passage, denial)
            return None
        self._sidecar.live[flow.id] = flow
        flow.request.authority = flow.request.authority if flow.request.is_http2 else ""
        coding = flow.request.headers.get("content-encoding", "")
        streams = may_stream(passage, _length(flow.request), coding)
        return self._open_upload(flow, passage) if streams else None

    async def _open_upload(self, flow: http.HTTPFlow, passage: Passage) -> None:
        """Make the head ready to leave before the body arrives, which is judged as it passes."""
        passage.streamed = True  # from here on a configuration that would not allow it ends it
        await self._leave(flow, passage)
        if passage.denial is None:
            scanner, route = passage.policy.scanner, passage.way
            talks = is_grpc(flow.request.headers.get("content-type", ""))
            body = (Conversation if talks else Upload)(
                scanner,
                detectors_of(route),
                lambda found: self._outbound.approvals.marked(scanner, route, found),
                lambda found: self._sidecar.records.noted(passage, found),
            )
            flow.request.stream = Passing(body)

    def body(self, flow: http.HTTPFlow) -> Coroutine[Any, Any, None] | None:
        """Judge the whole request and make it ready to leave."""
        passage = passage_of(flow)
        if passage is None or passage.denial is not None:
            return None
        if passage.streamed:
            flow.request.trailers = None  # nobody looked at them
            return None
        return None if flow.response is not None else self._leave(flow, passage)

    async def _leave(self, flow: http.HTTPFlow, passage: Passage) -> None:
        try:
            denial = await self._login(passage) or await self._judge_body(flow, passage)
            if denial is None:
                _sign(flow, passage)
                if passage.upgrade:
                    flow.request.headers[handshake.KEY] = passage.keys[0]
                passage.judged = True
        except sigv4.CannotSign as error:
            denial = Denial("signature", str(error))
        except Exception as error:  # noqa: BLE001 - fail closed: a stage that failed allows nothing
            passage.failure = f"request: {type(error).__name__}"
            denial = Denial("internal", "a stage failed")
        if denial is not None:
            self.deny(flow, passage, denial)
        elif passage.driver.closed or flow.id not in self._sidecar.live:
            # Nobody waits, or it was cut meanwhile: nothing is sent or kept reserved.
            self.end(flow, Reason.CLIENT_GONE)

    async def _login(self, passage: Passage) -> Denial | None:
        """Have an owned login ready; from here on the request knows its newest tokens."""
        auth_, sidecar = passage.way.auth, self._sidecar
        if auth_ is None or auth_.scheme != "login":
            return None
        if problem := await sidecar.logins.ready(auth_.secret):
            return Denial("missing-secret", f"the login {auth_.secret} cannot be used: {problem}")
        if sidecar.active is not None:
            passage.active = replace(
                passage.policy, scrubber=sidecar.active.scrubber, scanner=sidecar.active.scanner
            )
        return None

    async def _judge_body(self, flow: http.HTTPFlow, passage: Passage) -> Denial | None:
        body = flow.request.raw_content or b""
        if git.is_lfs_upload(passage.where.path, body):
            return Denial("git-push", "uploading Git LFS objects is never allowed")
        passage.agents = flow.request.headers.fields
        if passage.upgrade:
            passage.keys = (handshake.new_key(), flow.request.headers.pop(handshake.KEY))
        stripped = auth.strip(flow.request.headers.fields, passage.where.query)
        denial = await self._scan(flow, passage, stripped, body)
        passage.done("scan")
        if denial is not None:
            return denial
        denial = await self._gate.judge(flow, passage, flow.request.raw_content or b"")
        passage.done("gate")
        return denial

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
        passage.hidden = in_target(judged.noted, url)
        self._sidecar.records.noted(passage, judged.noted)
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
                self._sidecar.records.leaked(passage, secret)

    def deny(self, flow: http.HTTPFlow, passage: Passage, denial: Denial) -> None:
        """Answer with a denial; whatever was admitted is given back."""
        passage.denial = denial = denial.at(flow.request.method, passage.host, passage.path)
        flow.response = response_of(denial, passage.id, http2=flow.request.is_http2)
        self._sidecar.records.denied(denial, passage)
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
        passage.done("upstream")
        flow.request.data.content = None  # it was sent: a flow is garbage of the slow kind
        scrubber = passage.policy.scrubber
        if scrubber:
            scrub_head(response, scrubber)
        response.headers.pop("alt-svc", None)  # HTTP/3 cannot leave: do not advertise it
        if passage.spend is not None:
            headers = joined(response.headers)
            passage.spend.responding(response.status_code, headers, self._conversations)
        if response.status_code == 401 and passage.way.auth is not None:
            self._sidecar.logins.doubt(passage.way.auth.secret)
        if response.status_code == 101:
            if passage.upgrade:
                handshake.exchange(response, *passage.keys)
            self.sockets.opened(flow, passage)
            return
        coding = response.headers.get("content-encoding", "")
        detectors = frozenset(passage.way.dlp.inbound_detectors or ())
        scan = InboundScan(passage.policy.key, detectors, coding) if detectors else None
        if scan is not None and passage.spend is None and is_short(response):
            return  # held back whole, judged in ``finished``
        response.stream = tee_of(passage.spend, scrubber, coding, scan)

    def finished(self, flow: http.HTTPFlow) -> None:
        """The whole response has passed."""
        passage = passage_of(flow)
        if passage is None or passage.denial is not None:
            return
        if self._injected(flow, passage):
            return
        if flow.response is not None and passage.policy.scrubber:
            scrub_trailers(flow.response, passage.policy.scrubber)
        if passage.spend is not None:
            passage.spend.close(Reason.COMPLETE)
        if flow.websocket is not None:
            passage.upgrade = True  # asked for or not: messages go on from here
        elif passage.socket is None:
            self._sidecar.live.pop(flow.id, None)
        self._sidecar.records.passed(flow, passage, "complete")

    def _injected(self, flow: http.HTTPFlow, passage: Passage) -> bool:
        """Judge a response that was held back whole; a refused one is replaced."""
        response = flow.response
        if response is None or response.stream or response.status_code == 101:
            return False
        detectors = frozenset(passage.way.dlp.inbound_detectors or ())
        coding = response.headers.get("content-encoding", "")
        raw = response.raw_content or b""
        found = passage.policy.scanner.scan_response((), raw, "", coding, detectors)
        self._sidecar.records.noted(passage, found)
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
        flow.request.data.content = None
        passage = passage_of(flow)
        if passage is None:
            return
        if passage.spend is not None:
            passage.spend.close(reason)
        if passage.socket is not None:
            passage.socket.close(reason)
        if passage.denial is None:
            self._sidecar.records.passed(flow, passage, reason.value)

    def cut(self, flow: http.HTTPFlow) -> None:
        """End a stream in flight now, on both sides."""
        passage = passage_of(flow)
        if passage is None or passage.driver.closed:
            return
        where = passage.where
        data = {"id": passage.id, "method": where.method}
        data |= self._sidecar.records.place(passage, where.host, where.path)
        self._sidecar.log.write("block", "cut", **data)
        if flow.websocket is not None:
            passage.driver.abort()
        else:
            passage.driver.feed(CutStream(flow))


def _sign(flow: http.HTTPFlow, passage: Passage) -> None:
    """Put the route's credential in; the agent's own were stripped before the scan."""
    request = flow.request
    path, _, query = request.path.partition("?")
    method, fields = request.data.method.decode("latin-1"), request.headers.fields
    body = request.raw_content or b""
    ready = signed(
        passage, sigv4.Unsigned(method, authority(passage.where), path, query, fields, body)
    )
    request.headers.fields = ready.headers
    if ready.query != query:
        request.path = f"{path}?{ready.query}"


def _length(request: http.Request) -> int | None:
    """Bytes of the body that the head announces; None when it does not say."""
    if request.is_http2 and "content-length" not in request.headers:
        return 0 if request.method in _BODILESS else None
    return expected_http_body_size(request)
