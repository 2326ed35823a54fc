"""``preflight: exact``: the provider counts a request's input before it is sent.

The question goes to the request's own host, by the request's own route and with its credential,
so it reaches nothing that the bottle could not reach itself. Its body is a part of what the
scanners have let pass. It is no spend and leaves no row. Without an answer in time, the estimate
stands: the ledger still admits or refuses by it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from botbottle.meter import Call, count_request, parse_count
from botbottle.sidecar.egress.asking import NoAnswer, Question, post
from botbottle.sidecar.egress.match import Query
from botbottle.sidecar.egress.passage import Passage
from botbottle.sidecar.egress.ports import Shared
from botbottle.sidecar.egress.signing import authority, signed
from botbottle.sidecar.egress.sigv4 import CannotSign, Unsigned

type Fields = tuple[tuple[bytes, bytes], ...]

SECONDS = 10.0  # for one count, everything included
AT_ONCE = 8  # counts of one sidecar; more wait, within their time
_FIXED: Fields = (
    (b"content-type", b"application/json"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"identity"),
)
# Headers of the agent's request that choose the API's version, feature set or account.
_KEPT = ("anthropic-", "openai-", "user-agent", "x-goog-user-project")
_KEPT_QUERY = frozenset({"beta", "api-version"})


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is about to leave, scanned: header fields, query, encoded body."""

    headers: Fields = field(repr=False)
    query: str = field(repr=False)
    body: bytes = field(repr=False)
    coding: str = ""


class Preflight:
    """Counts for one sidecar."""

    def __init__(self, sidecar: Shared) -> None:
        self._sidecar = sidecar
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def count(self, passage: Passage, call: Call, request: Outgoing) -> int | None:
        """Input tokens as the provider counts them, or None: the estimate stands."""
        found = await asyncio.to_thread(count_request, call, request.body, request.coding)
        if found is None:
            return None
        _, path, document = found
        query, headers = _query(request.query), _kept(request.headers)
        host = authority(passage.where)
        question = Unsigned("POST", host, path, query, headers, document)
        try:
            async with asyncio.timeout(SECONDS), self._slots:
                return await self._ask(passage, question)
        except (NoAnswer, CannotSign, OSError) as error:  # TimeoutError is an OSError
            why = str(error) or type(error).__name__
            self._sidecar.log.write("warn", "not counted", id=passage.id, reason=why[:200])
            return None

    async def _ask(self, passage: Passage, request: Unsigned) -> int:
        if not _allowed(passage, request):
            raise NoAnswer("no rule of the route allows the path")
        where, sidecar = passage.where, self._sidecar
        addresses = await sidecar.addresses(where.host, where.port)
        ready = signed(passage, request)
        target = f"{request.path}?{ready.query}" if ready.query else request.path
        question = Question(request.host, target, ready.headers, request.body)
        tls = sidecar.world_side.plain_context() if where.tls else None
        answer = await post(question, addresses[:4], where.port, tls, where.host)
        number = parse_count(answer.body, answer.coding) if answer.status == 200 else None
        if number is None:
            raise NoAnswer(f"status {answer.status} without a number")
        return number


def _allowed(passage: Passage, question: Unsigned) -> bool:
    """Whether the agent could have asked this itself, by the very same route."""
    headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in question.headers}
    where = passage.where
    query = Query(where.host, where.port, ("POST",), question.path, headers)
    return passage.policy.index.find(query) == passage.way


def _kept(headers: Fields) -> Fields:
    mine = tuple(f for f in headers if f[0].decode("latin-1").lower().startswith(_KEPT))
    return (*_FIXED, *mine)


def _query(query: str) -> str:
    pairs = query.split("&")
    return "&".join(p for p in pairs if p.partition("=")[0] in _KEPT_QUERY)
