"""What the sidecar knows of one request on its way through the stages."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from mitmproxy import http

from botbottle.meter import Call
from botbottle.model.route import Route
from botbottle.sidecar.egress.active import Active
from botbottle.sidecar.egress.carrier import Carrier
from botbottle.sidecar.egress.denial import Denial
from botbottle.sidecar.egress.inbound import SocketScan
from botbottle.sidecar.egress.match import Query
from botbottle.sidecar.egress.socket_spend import SocketSpend
from botbottle.sidecar.egress.spend import Spend
from botbottle.sidecar.egress.target import Claim, Target

KEY = "bb"  # where a flow keeps its passage
_PREFIX = secrets.token_hex(4)  # unique per start of the sidecar
_COUNT = itertools.count(1)


def _next_id() -> str:
    return f"{_PREFIX}-{next(_COUNT):x}"


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head. ``headers``: lower-case name → value, repeated ones joined by ", "."""

    claim: Claim
    headers: Mapping[str, str]
    raw: tuple[tuple[bytes, bytes], ...]


@dataclass(slots=True)
class Passage:
    """One request. Fields are filled in by the stages; ``denial`` ends the passage."""

    driver: Carrier
    active: Active | None
    id: str = field(default_factory=_next_id)
    started: float = field(default_factory=time.monotonic)
    target: Target | None = None
    query: Query | None = field(default=None, repr=False)  # what the route was found by
    route: Route | None = None
    call: Call | None = None
    head: Head | None = field(default=None, repr=False)  # until it leaves
    asked: Asked | None = field(default=None, repr=False)  # until it leaves
    stale: bool = False  # it is being judged by what does not hold any more
    denial: Denial | None = None
    spend: Spend | None = None
    socket: SocketSpend | None = None
    orders: SocketScan | None = None  # looks for orders in what comes by the socket
    upgrade: bool = False
    keys: tuple[str, str] = ("", "")  # of a WebSocket: sent, and the agent's
    streamed: bool = False  # the body passes while it arrives
    judged: bool = False  # the whole request was, and may leave
    sent: bool = False  # it is leaving
    agents: tuple[tuple[bytes, bytes], ...] = ()  # the headers as the agent sent them
    failure: str = ""
    hidden: bool = False  # host and path hold what a log must not
    logged: bool = False
    marks: list[tuple[str, float]] = field(default_factory=list)  # stage, when it was done

    @property
    def open(self) -> bool:
        """Whether something that the agent sends is still to be judged, or to be sent."""
        return self.upgrade or self.streamed or not self.sent

    def done(self, stage: str) -> None:
        """Note that a stage is over."""
        self.marks.append((stage, time.monotonic()))

    def stages(self) -> dict[str, float]:
        """Milliseconds that each stage took, in the order of the way."""
        before, spent = self.started, {}
        for stage, at in self.marks:
            spent[stage] = round((at - before) * 1000, 2)
            before = at
        return spent

    @property
    def host(self) -> str:
        """The target's host; '' before there is a target."""
        return self.target.host if self.target else ""

    @property
    def port(self) -> int:
        """The target's port; 0 before there is a target."""
        return self.target.port if self.target else 0

    @property
    def path(self) -> str:
        """The target's path; '' before there is a target."""
        return self.target.path if self.target else ""

    def refused(self, denial: Denial, method: str) -> Denial:
        """A denial of this request, with what is known of its target."""
        return denial.at(method, self.host, self.port, self.path)

    @property
    def where(self) -> Target:
        """The target. Raises LookupError before the target stage."""
        if self.target is None:
            raise LookupError("no target yet")
        return self.target

    @property
    def way(self) -> Route:
        """The route. Raises LookupError before the route stage."""
        if self.route is None:
            raise LookupError("no route yet")
        return self.route

    @property
    def policy(self) -> Active:
        """The configuration this request is judged by. Raises LookupError without one."""
        if self.active is None:
            raise LookupError("not configured")
        return self.active


@dataclass(frozen=True, slots=True)
class Asked:
    """A whole request as the agent sent it. Judging changes it, and may have to begin again."""

    fields: tuple[tuple[bytes, bytes], ...]
    path: str
    content: bytes | None
    trailers: http.Headers | None

    @classmethod
    def of(cls, request: http.Request) -> Asked:
        """What there is to be judged."""
        trailers = request.trailers
        return cls(request.headers.fields, request.path, request.raw_content, trailers)

    def restore(self, request: http.Request) -> None:
        """Undo what judging has changed."""
        request.headers.fields, request.path = self.fields, self.path
        request.raw_content, request.trailers = self.content, self.trailers


def passage_of(flow: http.HTTPFlow) -> Passage | None:
    """The passage of a flow, or None for a flow that never had its head judged."""
    return flow.metadata.get(KEY)
