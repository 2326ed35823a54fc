"""The heart: takes a request, finds script and dialect, and has the reply delivered."""

from __future__ import annotations

import itertools
import random
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from tests.world import delivery
from tests.world import script as scripts
from tests.world.dialects import registry
from tests.world.dialects.registry import Dialect
from tests.world.script import Book, Script
from tests.world.truth import Record, Truth
from tests.world.usage import ZERO, Usage, draw
from tests.world.wire import Call, Frame, Memory, Reply, Request, json_reply, text_reply

# What reading JSON of an unexpected shape raises.
UNREADABLE = (ValueError, TypeError, AttributeError, KeyError, IndexError)


def _begun(reply: Reply) -> Iterable[Frame]:
    """The frames, the first of them made already: by then the whole request was looked at."""
    if not reply.stream:
        return reply.frames
    rest = iter(reply.frames)
    return itertools.chain(list(itertools.islice(rest, 1)), rest)


class App:
    """Answers every request of every transport."""

    def __init__(self, seed: int = 0) -> None:
        self.book = Book()
        self.truth = Truth()
        self.memory = Memory()
        self.seed = seed
        self._nonce = secrets.token_hex(3)
        self._serial = 0
        self._idle = random.Random(seed)
        self._seen: Counter[str] = Counter()

    async def answer(self, request: Request, sink: delivery.Sink) -> None:
        """Answer one HTTP request."""
        reply, record = self.render(request)
        try:
            await delivery.deliver(request, reply, sink, record, self.truth)
        finally:
            self.truth.finish(record, "failed")  # unless delivery said how it ended

    def render(self, request: Request) -> tuple[Reply, Record]:
        """The reply to a plain HTTP request; no I/O."""
        return self.prepare(request, registry.find(request))

    def prepare(self, request: Request, dialect: Dialect) -> tuple[Reply, Record]:
        """Decide the reply and open its record; no I/O."""
        body = request.json()
        data: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
        named = registry.model_of(request, data)
        model = scripts.plain_model(named)
        record = self.truth.received(
            request,
            registry.provider_of(request.host, dialect),
            dialect.name,
            metered=dialect.metered,
        )
        record.model = model
        try:
            record.script = self._script(request, dialect, named, model)
        except ValueError as error:
            # A misspelt script must fail the test that sent it, not pass as plain behaviour.
            return json_reply({"error": f"bad script: {error}"}, status=500), record
        call = self._call(request, dialect, record.script, data, model)
        return self._answerable(call, dialect), record

    def _answerable(self, call: Call, dialect: Dialect) -> Reply:
        """The reply; a request that its dialect cannot read is refused in that dialect."""
        try:
            reply = self._reply(call, dialect)
            reply.frames = _begun(reply)
        except UNREADABLE as error:
            return json_reply(dialect.error(400, f"unreadable request: {error!r}"), status=400)
        return reply

    def _script(self, request: Request, dialect: Dialect, named: str, model: str) -> Script:
        script = self.book.pick(request.method, request.host, request.path, model)
        if header := request.header(scripts.HEADER):
            script = scripts.from_header(header, script)
        return dialect.adjust(request, scripts.from_model(named, script))

    def _call(
        self,
        request: Request,
        dialect: Dialect,
        script: Script,
        data: Mapping[str, Any],
        model: str,
    ) -> Call:
        self._serial += 1
        spends = bool(dialect.provider)
        rng = self._rng(request, dialect, script) if spends else self._idle
        usage = self._usage(rng, request, dialect, script, data) if spends else ZERO
        serial = f"{self._nonce}{self._serial:06d}"
        return Call(request, script, usage, rng, self.memory, data, model, serial)

    def _usage(
        self,
        rng: random.Random,
        request: Request,
        dialect: Dialect,
        script: Script,
        data: Mapping[str, Any],
    ) -> Usage:
        usage = draw(rng, len(request.body)).override(script.usage)
        return dialect.fold(usage, script, bool(data.get("stream")))

    def _rng(self, request: Request, dialect: Dialect, script: Script) -> random.Random:
        """Seeded by content and occurrence, so that the order of other requests does not matter."""
        if script.seed is not None:
            return random.Random(script.seed)
        key = f"{dialect.name}|{request.host}|{request.path}|{request.body_sha256}"
        self._seen[key] += 1
        return random.Random(f"{self.seed}|{key}|{self._seen[key]}")

    def _reply(self, call: Call, dialect: Dialect) -> Reply:
        script = call.script
        if script.status is None and script.body is None:
            return dialect.answer(call)
        status = script.status or 200
        if isinstance(script.body, str):
            return text_reply(script.body, status=status)
        body = script.body
        if body is None:
            words = str(script.error.get("message", "scripted refusal"))
            body = dialect.error(status, words)
        return json_reply(body, status=status)
