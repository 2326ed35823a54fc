"""The scanner: one object per set of secrets, used by many threads.

A message is scanned surface by surface (host, path, URL, each header, body). Each surface goes
through the rule database R and the secrets' database S as it is; nothing is parsed or copied.
Only where a cheap trigger fires is a view decoded and scanned again, under the message's budget
of bytes, depth and time. Reaching a bound is a finding of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain

from botbottle.dlp.allow import Allowlist
from botbottle.dlp.coding import Undecodable, decode_body
from botbottle.dlp.compiled import (
    AUTO,
    FALLBACK,
    CompiledRules,
    Together,
    default_rules,
    engine_name,
    matcher,
)
from botbottle.dlp.crlf import header_breaks, url_breaks
from botbottle.dlp.engines.base import Buffer, Matcher
from botbottle.dlp.escapes import percent
from botbottle.dlp.findings import Finding, Verdict, fingerprint
from botbottle.dlp.injection import scan_text
from botbottle.dlp.known.fragments import FragmentMemory
from botbottle.dlp.known.index import KnownIndex, Literals, VariantSource
from botbottle.dlp.known.splits import Splits, splits
from botbottle.dlp.known.variants import variants
from botbottle.dlp.message import Message
from botbottle.dlp.runs import RUN_EXPRESSION
from botbottle.dlp.settings import (
    FALLBACK_BODY,
    INBOUND,
    INJECTION_HEURISTICS,
    NAIVE_INJECTION,
    OUTBOUND,
    Limits,
)
from botbottle.dlp.target import label, surfaces_of
from botbottle.dlp.tools import Origin
from botbottle.dlp.triggers import BESIDE, ESCAPES, PACKED, TRIGGERS

_MANY = 2048  # literals: of about twenty secrets
_REMEMBERED = 1024  # header fields that were clean
_SHORT = 1024  # bytes of one that is remembered

Headers = Iterable[tuple[str | bytes, str | bytes]]


class Scanner:
    """Scans outbound and inbound messages. Immutable but for what it remembers to be clean; build
    a new one when secrets change.

    ``secrets``: name -> value; ``key``: the HMAC key of fingerprints (any length, secret).
    ``rules``: a compiled rule set to share. ``allow``: fingerprints that were approved; they never
    apply to known secrets. ``variants``: a cache of encoded forms, so that a rebuild after one
    rotation is cheap.
    """

    def __init__(
        self,
        secrets: Mapping[str, bytes],
        *,
        key: bytes,
        rules: CompiledRules | None = None,
        limits: Limits | None = None,
        engine: str = AUTO,
        allow: Allowlist | None = None,
        variants: VariantSource = variants,
    ) -> None:
        self.rules = rules or default_rules()
        self.key = key
        self.limits = limits or Limits(body=_default_cap(engine))
        self.allow = allow or Allowlist()
        self.index = KnownIndex(secrets, variants)
        self._own = frozenset(fingerprint(key, text) for text in self.index.texts())
        self.known: Matcher = _known(self.index.plain, engine)
        squeezed = self.index.squeezed
        self.squeezed: Matcher | None = matcher(squeezed.taken(), engine) if len(squeezed) else None
        self.splits: Splits = splits(engine)
        self.runs: Matcher = _shared(engine)[0]
        self.packed: Matcher = _shared(engine)[1]
        self.triggers: tuple[Matcher, ...] = _shared(engine)[2:]
        self._clean: set[tuple[frozenset[str], bytes, str]] = set()

    def __repr__(self) -> str:
        return f"Scanner({self.index!r})"

    def owns(self, mark: str) -> bool:
        """Whether a fingerprint is that of a held secret: nobody can approve one."""
        return mark in self._own

    def scan(
        self, surface: Buffer, location: str = "body", *, detectors: frozenset[str] = OUTBOUND,
        memory: FragmentMemory | None = None, scope: str = "",
    ) -> tuple[Finding, ...]:  # fmt: skip
        """Findings in one byte string; raises nothing for any content. ``memory`` and ``scope``:
        see ``scan_request``."""
        message = Message(self, detectors)
        message.surface(surface, location)
        if memory is not None:
            message.fragments(memory, scope, time.monotonic())
        return message.result()

    def scan_request(
        self,
        url: str | bytes,
        headers: Headers,
        body: Buffer,
        content_type: str = "",
        content_encoding: str = "",
        detectors: frozenset[str] = OUTBOUND,
        *,
        memory: FragmentMemory | None = None,
        scope: str = "",
    ) -> tuple[Finding, ...]:
        """Findings in a whole request.

        ``memory`` and ``scope`` (bottle and host) find secrets sent in pieces over several
        requests. CR/LF injection is looked for whatever ``detectors`` says. A body that cannot be
        decoded or is larger than ``limits.body`` is a BLOCK finding.
        """
        message = Message(self, detectors)
        pairs = [(_bytes(n), _bytes(v)) for n, v in headers]
        target = _bytes(url)
        self._line_breaks(message, target, pairs)
        heads = []
        for data, location in surfaces_of(target, pairs, self._holds):
            key = (detectors, data, location)
            if location.startswith("header"):
                if key in self._clean:
                    continue
                heads.append(key)
            message.surface(data, location, tokens=location not in ("host", "headers"))
        self._body(message, body, content_type, content_encoding)
        if memory is not None:
            message.fragments(memory, scope, time.monotonic())
        if heads and message.clean:
            self._remember(heads)
        return message.result()

    def _holds(self, name: bytes) -> bool:
        """Whether a piece of a held secret, as it is, is in a header's name."""
        first = len(self.index.plain)
        return any(number < first for number, _ in self.known.find(name, _REMEMBERED).hits)

    def _line_breaks(
        self, message: Message, url: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> None:
        for offset, length in url_breaks(url):
            message.add(Verdict.BLOCK, "crlf.injection", "url", (offset, length), b"")
        for name, offset in header_breaks(headers):
            where = label(name, self._holds)
            message.add(Verdict.BLOCK, "crlf.injection", where, (offset, 1), b"")

    def _remember(self, heads: Iterable[tuple[frozenset[str], bytes, str]]) -> None:
        """Header fields of a request in which nothing was found, not even a piece of a secret:
        clients send most of theirs again and again, and this scanner would find nothing again."""
        if len(self._clean) >= _REMEMBERED:
            self._clean.clear()
        self._clean.update(key for key in heads if len(key[1]) <= _SHORT)

    def _body(self, message: Message, body: Buffer, content_type: str, coding: str) -> None:
        if len(body) > self.limits.body:
            message.bound(Verdict.BLOCK, "limit.size", "body")
            return
        if coding.strip().lower() in ("", "identity"):
            plain = body
        else:
            try:
                plain = decode_body(bytes(body), coding, message.budget)
            except Undecodable:
                message.bound(Verdict.BLOCK, "undecodable", "body")
                return
            # Fields of gzip, frames of zstd and blocks of brotli that are no part of what is
            # decoded: behind the magic, so that it is not decoded once more.
            coded = memoryview(body)[4:]
            message.surface(coded, "body>coded", depth=1, origin=_all_of(body), sent=True)
        message.surface(plain, "body")
        if "urlencoded" in content_type.lower():
            self._form(message, bytes(plain))

    def _form(self, message: Message, plain: bytes) -> None:
        """A form is decoded by whoever gets it, however few of its bytes are escaped."""
        spaced = plain.replace(b"+", b" ")
        undone = percent(spaced) if b"%" in spaced else spaced
        if undone == plain:
            return
        if message.budget.take(len(undone)):
            message.surface(undone, "body>form", depth=1, origin=_all_of(plain), sent=True)
        else:
            message.bound(Verdict.BLOCK, "limit.decoded", "body")

    def scan_response(
        self,
        headers: Headers,
        body: Buffer,
        content_type: str = "",
        content_encoding: str = "",
        detectors: frozenset[str] = INBOUND,
    ) -> tuple[Finding, ...]:
        """Inbound findings (location ``response body``). A body that cannot be decoded, within
        the bounds of a message, is a BLOCK finding: nobody looked into it."""
        del headers, content_type
        message = Message(self, detectors)
        try:
            plain = decode_body(bytes(body), content_encoding, message.budget)
        except Undecodable:
            message.bound(Verdict.BLOCK, "undecodable", "response body")
            return message.result()
        return (*message.result(), *inbound(plain, self.key, detectors))


def inbound(text: bytes, key: bytes, detectors: frozenset[str]) -> tuple[Finding, ...]:
    """Injection findings in decoded text, for the detectors that are on."""
    if not detectors & {NAIVE_INJECTION, INJECTION_HEURISTICS}:
        return ()
    return scan_text(text, key, wide=INJECTION_HEURISTICS in detectors)


def _all_of(surface: Buffer) -> Origin:
    return lambda _start, _end: (0, len(surface))


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


def _default_cap(engine: str) -> int:
    slow = engine == FALLBACK or (engine == AUTO and engine_name() == FALLBACK)
    return FALLBACK_BODY if slow else Limits().body


def _known(plain: Literals, engine: str) -> Matcher:
    """Few literals are compiled alone, in 4 ms instead of 34. Many take a third of a second anyway,
    and one pass for both saves half of what a scan takes."""
    if len(plain) > _MANY:
        return matcher(chain(plain.taken(), BESIDE), engine)
    beside, size = _beside(engine), len(plain)
    return Together(matcher(plain.taken(), engine), size, beside) if size else beside


@lru_cache(maxsize=4)
def _beside(engine: str) -> Matcher:
    """What is looked for beside the secrets, compiled once."""
    return matcher([*BESIDE], engine)


@lru_cache(maxsize=4)
def _shared(engine: str) -> tuple[Matcher, ...]:
    """Matchers that depend on no secret: runs, compressed data, then one for each trigger."""
    every = (replace(trigger, once=False) for trigger in TRIGGERS[:ESCAPES])
    packed = matcher([expression for _, expression in PACKED], engine)
    return (matcher([RUN_EXPRESSION], engine), packed, *(matcher([one], engine) for one in every))
