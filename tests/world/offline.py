"""The world without a network: the exact bytes of one answer, for fast tests of a meter.

``exchange(App(seed=1), "POST", "api.anthropic.com", "/v1/messages", body={...}, output=900)``
takes about a millisecond, so tens of thousands of exchanges are feasible. Delays and stalls are
not waited for.
"""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.world.app import App
from tests.world.delivery import send
from tests.world.inbound import Body, build
from tests.world.script import Book, Script, parse
from tests.world.truth import Record
from tests.world.wire import Headers


@dataclass(slots=True)
class Answer:
    """What went over the wire, in the pieces that the script wanted, and the truth about it."""

    record: Record
    status: int = 0
    headers: Headers = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    ended: bool = False  # whether the body got its orderly end

    @property
    def body(self) -> bytes:
        """All pieces together, encoded as sent."""
        return b"".join(self.pieces)


class Recorder:
    """Keeps what it is given; the ``Sink`` of ``delivery``."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def start(self, status: int, headers: Headers, *, end: bool) -> None:
        """Keep the head."""
        self._answer.status, self._answer.headers, self._answer.ended = status, headers, end

    async def flush(self) -> None:
        """Nothing is kept."""

    async def data(self, data: bytes) -> None:
        """Keep a piece."""
        if data:
            self._answer.pieces.append(data)

    async def end(self) -> None:
        """Keep that it ended."""
        self._answer.ended = True

    async def abort(self, how: str) -> None:
        """Nothing more comes."""

    async def gone(self) -> None:
        """The reader never leaves."""


def exchange(
    app: App,
    method: str,
    host: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | Mapping[str, Any] = b"",
    script: Script | None = None,
    **behaviour: Any,
) -> Answer:
    """One request and its answer; ``behaviour`` are the keys of ``Script`` or token classes."""
    script = parse(behaviour, script)
    app.book = Book(default=replace(script, delay=0.0, first_delay=0.0, stall=0.0))
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = [("host", host), *((k.lower(), v) for k, v in (headers or {}).items())]
    request = build(method, target, given, protocol="http/1.1", tls=True, connection=0)
    arrived = Body()
    arrived.feed(raw)
    arrived.fill(request)
    reply, record = app.render(request)
    answer = Answer(record)
    app.truth.finish(record, _drive(send(request, reply, Recorder(answer), record)))
    return answer


def _drive(work: Coroutine[Any, Any, str]) -> str:
    """Run a coroutine that waits for nothing but zero-second sleeps."""
    try:
        while True:
            work.send(None)
    except StopIteration as done:
        return str(done.value)
