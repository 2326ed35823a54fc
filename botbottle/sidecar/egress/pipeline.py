"""The way of a request through the stages; its response has its own in ``answers``.

Every method is a fail-closed boundary: an exception in a stage refuses the request. Nothing in here
decides by itself; stages do.
"""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from mitmproxy import http

from botbottle.dlp import Scanner
from botbottle.meter import Conversations, Reason
from botbottle.sidecar.egress import git, handshake, piecewise, sigv4, stripping
from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.admission import Gate
from botbottle.sidecar.egress.answers import Answers
from botbottle.sidecar.egress.carrier import Carrier
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.ending import Ending
from botbottle.sidecar.egress.grpc import Conversation, is_grpc
from botbottle.sidecar.egress.heads import head_of
from botbottle.sidecar.egress.passage import KEY, Asked, Head, Passage, passage_of
from botbottle.sidecar.egress.passing import Passing
from botbottle.sidecar.egress.ports import Shared
from botbottle.sidecar.egress.preflight import Preflight
from botbottle.sidecar.egress.preparing import (
    coding,
    fitting,
    length,
    other_method,
    put_together,
    sign,
    signing_with,
)
from botbottle.sidecar.egress.scan import OutboundScan, Outgoing, detectors_of, in_target
from botbottle.sidecar.egress.scrub import Scrubber
from botbottle.sidecar.egress.sockets import Sockets
from botbottle.sidecar.egress.stages import judge
from botbottle.sidecar.egress.still import alike
from botbottle.sidecar.egress.upload import Upload, may_stream

_CHANGES = 8  # deliveries of secrets while one request waits


class Pipeline:
    """All requests of one sidecar."""

    def __init__(self, sidecar: Shared) -> None:
        self._sidecar = sidecar
        conversations = Conversations()
        self._outbound = OutboundScan(sidecar.ledger)
        preflight = Preflight(sidecar)
        self.ending = Ending(sidecar)
        self._gate = Gate(sidecar, conversations, preflight, self.ending.cut)
        self.sockets = Sockets(sidecar, self._outbound, conversations, preflight)
        self.answers = Answers(sidecar, self.ending, self.sockets, conversations)
        self._joined: tuple[Scrubber, Scrubber, Scrubber] | None = None  # the last two, and both

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
            passage.head = head_of(flow, driver)
            denial = judge(passage, passage.head, passage.active)
        if denial is not None:
            self.ending.deny(flow, passage, denial)
            return None
        self._sidecar.live[flow.id] = flow
        flow.request.authority = flow.request.authority if flow.request.is_http2 else ""
        if piecewise.is_piecewise(flow.request.headers.fields):
            return None  # not before all of it is here
        streams = may_stream(passage, length(flow.request), coding(flow.request))
        return self._open_upload(flow, passage) if streams else None

    async def _open_upload(self, flow: http.HTTPFlow, passage: Passage) -> None:
        """Make the head ready to leave before the body arrives, which is judged as it passes."""
        passage.streamed = True  # from here on a configuration that would not allow it ends it
        await self._leave(flow, passage)
        if passage.denial is None:
            scanner, route = passage.policy.scanner, passage.way
            marked = self._outbound.approvals.marked
            talks = is_grpc(flow.request.headers.get("content-type", ""))
            body = (Conversation if talks else Upload)(
                scanner,
                detectors_of(route),
                lambda found: marked(passage.policy.scanner, route, found),
                lambda found: self._sidecar.records.noted(passage, found),
                self._outbound.memory,
                route.host,
            )
            told = partial(self._sidecar.records.leaked, passage)
            flow.request.stream = Passing(body, passage.policy.placeholders.watch(told))

    def body(self, flow: http.HTTPFlow) -> Coroutine[Any, Any, None] | None:
        """Judge the whole request and make it ready to leave."""
        passage = passage_of(flow)
        if passage is None or passage.denial is not None:
            return None
        if passage.streamed:
            flow.request.trailers = None  # nobody looked at them
            return None
        if flow.response is not None or (passage.judged and not passage.stale):
            return None
        passage.asked = passage.asked or Asked.of(flow.request)
        return self._leave(flow, passage)

    async def _leave(self, flow: http.HTTPFlow, passage: Passage) -> None:
        for _ in range(_CHANGES):
            denial = await self._prepare(flow, passage)
            if denial is not None or not passage.stale:
                break
        else:
            denial = Denial("internal", "the configuration changed again and again meanwhile")
        over = passage.driver.closed or flow.id not in self._sidecar.live
        if denial is not None and passage.denial is None:
            self.ending.deny(flow, passage, denial)
        elif over or denial is not None:
            # Nobody waits, or it was refused or cut meanwhile: nothing is sent or kept reserved.
            self.ending.end(flow, Reason.CLIENT_GONE)
        else:
            passage.judged = True

    async def _prepare(self, flow: http.HTTPFlow, passage: Passage) -> Denial | None:
        """Judge a whole request and make it ready to leave."""
        try:
            denial = self._begin_anew(flow, passage) if passage.stale else None
            denial = denial or await self._login(passage) or await self._judge_body(flow, passage)
            if denial is None:
                sign(flow, passage)
                if passage.upgrade:
                    flow.request.headers[handshake.KEY] = passage.keys[0]
            return denial
        except sigv4.CannotSign as error:
            return Denial("signature", str(error))
        except piecewise.Malformed:
            return Denial("bad-request", "the body is not in the pieces that its head announces")
        except Exception as error:  # noqa: BLE001 - fail closed: a stage that failed allows nothing
            passage.failure = f"request: {type(error).__name__}"
            return Denial("internal", "a stage failed")

    def _begin_anew(self, flow: http.HTTPFlow, passage: Passage) -> Denial | None:
        """Forget what was judged, and admitted; judge the head by the configuration of now."""
        passage.stale = passage.judged = False
        if passage.spend is not None:
            passage.spend.close(Reason.CLIENT_GONE)  # nothing was sent: only the lease goes back
            passage.spend = None
        if passage.asked is None or passage.head is None:
            raise LookupError("it has left")
        passage.asked.restore(flow.request)
        passage.active = self._sidecar.active
        return judge(passage, passage.head, passage.policy)

    def anew(self, flow: http.HTTPFlow, passage: Passage, head: Head, fresh: Active) -> None:
        """Have a whole request that has not left judged by ``fresh``, as far as that differs."""
        trial = Passage(passage.driver, fresh)
        denial = judge(trial, head, fresh)
        if denial is not None:
            self.ending.refuse(flow, passage, denial)
        elif passage.judged:
            if passage.policy.scanner is not fresh.scanner or not alike(passage, trial):
                passage.stale = True
                self.ending.judge_anew(flow, passage)
        elif alike(passage, trial):
            passage.active = signing_with(passage.policy, fresh)
        elif passage.asked is not None:
            passage.stale = True
        else:  # its body is still coming
            passage.active, passage.query = fresh, trial.query
            passage.route, passage.call = trial.route, trial.call

    async def _login(self, passage: Passage) -> Denial | None:
        """Have an owned login ready; from here on the request knows its newest tokens."""
        auth_, sidecar = passage.way.auth, self._sidecar
        if auth_ is None or auth_.scheme != "login":
            return None
        if problem := await sidecar.logins.ready(auth_.secret):
            return Denial("missing-secret", f"the login {auth_.secret} cannot be used: {problem}")
        if sidecar.active is not None:
            passage.active = signing_with(passage.policy, sidecar.active)
        return None

    async def _judge_body(self, flow: http.HTTPFlow, passage: Passage) -> Denial | None:
        await put_together(flow.request)
        body = flow.request.raw_content or b""
        if git.is_lfs_upload(passage.where.path, body):
            return Denial("git-push", "uploading Git LFS objects is never allowed")
        if denial := await other_method(flow, passage, body):
            return denial
        passage.agents = flow.request.headers.fields
        if passage.upgrade:
            passage.keys = (handshake.new_key(), flow.request.headers.pop(handshake.KEY))
        where = passage.where
        stripped = stripping.strip(flow.request.headers.fields, where.query, where.host)
        scanner = passage.policy.scanner
        denial = await self._scan(flow, passage, stripped, body)
        passage.done("scan")
        if denial is not None:
            return denial
        denial = await self._gate.judge(flow, passage, flow.request.raw_content or b"")
        passage.done("gate")
        return denial or await self._scan_again(flow, passage, scanner)

    async def _scan_again(
        self, flow: http.HTTPFlow, passage: Passage, scanner: Scanner
    ) -> Denial | None:
        """Secrets that were delivered while a request waited are looked for in it as well."""
        for _ in range(_CHANGES):
            if passage.policy.scanner is scanner:
                return None
            scanner, request = passage.policy.scanner, flow.request
            ready = stripping.Signed(request.headers.fields, request.path.partition("?")[2])
            denial = await self._scan(flow, passage, ready, request.raw_content or b"")
            if denial is not None:
                return denial
        return Denial("internal", "the secrets changed again and again while the request waited")

    async def _scan(
        self, flow: http.HTTPFlow, passage: Passage, stripped: stripping.Signed, body: bytes
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
            coding(flow.request),
        )
        agents = stripping.Signed(passage.agents, where.query)
        own = route.auth.secret if route.auth is not None else ""
        for secret in await active.placeholders.misplaced(message, agents, own):
            self._sidecar.records.leaked(passage, secret)
        judged = await self._outbound.judge(
            active.scanner, route, message, supervised=active.config.supervise
        )
        passage.hidden = in_target(judged.noted, url)
        self._sidecar.records.noted(passage, judged.noted)
        if judged.denial is not None:
            return judged.denial
        flow.request.trailers = None
        kept = stripped.headers if judged.message is message else fitting(stripped.headers)
        flow.request.headers.fields = judged.message.headers[: len(kept)]
        flow.request.path = judged.message.url.removeprefix(origin)
        if judged.message.body is not body:
            flow.request.raw_content = judged.message.body
        return None

    def sending(self, flow: http.HTTPFlow) -> None:
        """The upstream connection is there and the request goes out."""
        passage = passage_of(flow)
        if passage is None:
            return
        passage.sent, passage.head, passage.asked = True, None, None
        if passage.spend is not None:
            passage.spend.sending()

    def rescan(self, flow: http.HTTPFlow, passage: Passage, fresh: Active) -> None:
        """Look for what ``fresh`` holds in whatever the agent still sends in this request."""
        before = passage.active
        if before is None or before.scanner is fresh.scanner:
            return
        if passage.judged and not passage.sent:
            self.ending.cut(flow)  # it was searched for less, or signed, and waits for its upstream
            return
        if passage.judged:
            both = self._both(before.scrubber, fresh.scrubber)
            passage.active = replace(before, scanner=fresh.scanner, scrubber=both)
        else:
            passage.active = signing_with(before, fresh)
        if isinstance(flow.request.stream, Passing):
            flow.request.stream.renew(fresh.scanner)

    def _both(self, before: Scrubber, now: Scrubber) -> Scrubber:
        """Looks for what a request was signed with, and for what was delivered since. All requests
        of one moment share it."""
        if self._joined is None or self._joined[0] is not before or self._joined[1] is not now:
            self._joined = (before, now, before.joined(now))
        return self._joined[2]
