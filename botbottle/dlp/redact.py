"""Cutting tokens out of a request without breaking the request.

What can be told from its surroundings is cut exactly: hits in the plain body, in a header, or in
the URL after the authority, and the encoded run that a hit in a decoded layer came from. Of a JSON
body the lines, then the strings, that hold what is left are cut, of other text the words
(``leaves``). Hits in the authority, in a compressed or signed message, and cuts that would leave
invalid JSON, are refused with a reason: the caller blocks. What was cut is cut wherever else it
stands, for a conversation repeats a value without the name that a rule knows it by. After each
round the message is scanned again, until nothing is left; a held secret, too many rounds, or a
bound with nothing left to cut refuse as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace

from botbottle.dlp import armor, cutting, leaves
from botbottle.dlp.budget import Budget
from botbottle.dlp.coding import Undecodable, decode_body
from botbottle.dlp.cutting import Cut, HeaderList, Redacted
from botbottle.dlp.findings import LEFT_OUT, Finding, Verdict
from botbottle.dlp.scanner import Scanner
from botbottle.dlp.settings import OUTBOUND
from botbottle.dlp.tools import Span

_ROUNDS = 4  # of cutting what is left, beside those that more tokens than are listed take
_LISTS = 64  # full lists of tokens that are cut one after another; of a large body fewer
_READ = 32 * 1024 * 1024  # bytes that are searched so

_MEET = 4  # rules that look at one place, as a URL with a login and the token in it
_LATE = "limit.time"
_BARE_QUOTE = re.compile(rb'(?:^|[^\\])(?:\\\\)*"')
_SIGNED = frozenset(
    [b"signature", b"signature-input", b"x-amz-content-sha256", b"x-hub-signature-256"]
)


@dataclass(frozen=True, slots=True)
class CannotRedact:
    """Why no exact cut is possible; the request has to be blocked."""

    reason: str


RedactResult = Redacted | CannotRedact


def redact(
    scanner: Scanner,
    findings: Iterable[Finding],
    *,
    url: str | bytes,
    headers: HeaderList,
    body: bytes,
    content_type: str = "",
    content_encoding: str = "",
    detectors: frozenset[str] = OUTBOUND,
    allowed: Callable[[Finding], bool] = lambda _: False,
    kept: Callable[[bytes], Sequence[Span]] = leaves.nothing_kept,
) -> RedactResult:
    """Replace every TOKEN finding of this request by ``[REDACTED:<rule>:<8 hex digits>]``.

    The digits are the first of the fingerprint. ``allowed``: what may remain; a BLOCK never may.
    ``kept``: stretches (start, end) of a body whose tokens stay as they are.
    """
    try:
        plain = decode_body(body, content_encoding, _budget(scanner, body))
    except Undecodable:
        return CannotRedact("compressed")
    target = url.encode() if isinstance(url, str) else url
    work = _Work(scanner, detectors, allowed, kept)
    message, found = Redacted(target, tuple(headers), plain, 0), tuple(findings)
    rounds = late = 0

    def scan() -> tuple[Finding, ...]:
        shown = work.shown(fixed.body)
        return _patient(scanner, fixed.removed).scan_request(
            fixed.url, fixed.headers, shown, content_type, "", detectors
        )

    try:
        fixed = message
        if work.shown(plain) is not body:  # hits in what is kept or undone say nothing of the rest
            found = work.left(scan())
        for _ in range(max(_ROUNDS, min(_LISTS, _READ // (len(plain) + 1)))):
            message = work.cut(message, found, rounds)
            fixed = replace(message, headers=cutting.lengths_fixed(message.headers, message.body))
            found = work.left(scan())
            if not found:
                return fixed
            rounds += all(f.of_value for f in found)
            late += any(f.rule == _LATE for f in found)
            if _ROUNDS in (rounds, late):
                break
    except leaves.Uncuttable as stuck:
        return CannotRedact(str(stuck))
    return CannotRedact("too many")


@dataclass(frozen=True, slots=True)
class _Work:
    """One message's redaction."""

    scanner: Scanner
    detectors: frozenset[str]
    allowed: Callable[[Finding], bool]
    kept: Callable[[bytes], Sequence[Span]]

    def shown(self, body: bytes) -> bytes:
        """The body with blanks in place of what is kept; itself where nothing is."""
        spans = self.kept(body)
        if not spans:
            return body
        out = bytearray(body)
        for start, end in spans:
            out[start:end] = b" " * (end - start)
        return bytes(out)

    def left(self, found: Iterable[Finding]) -> tuple[Finding, ...]:
        """Tokens that have to go, and bounds that were reached: without these tokens they may not
        be. Raises Uncuttable for what no cut removes."""
        open_ = [f for f in found if f.verdict is Verdict.BLOCK or not self.allowed(f)]
        bounds = [f for f in open_ if _is_bound(f)]
        for stopped in (f for f in open_ if f.verdict is Verdict.BLOCK):
            raise leaves.Uncuttable(stopped.rule if stopped in bounds else "remains")
        tokens = [f for f in open_ if f.verdict is Verdict.TOKEN and f not in bounds]
        unseen = [f for f in (*bounds, *tokens) if not f.of_value]
        if unseen and not any(f.of_value for f in tokens):
            raise leaves.Uncuttable(unseen[0].rule)
        return (*tokens, *bounds)

    def cut(self, message: Redacted, found: Iterable[Finding], rounds: int) -> Redacted:
        """The message without these tokens. ``rounds``: how often was cut before. Raises
        Uncuttable."""
        cut = [f for f in found if f.verdict is Verdict.TOKEN and f.of_value]
        shown = self.shown(message.body)
        plain = [f for f in cut if not f.layered]
        hidden = [f for f in cut if f.layered and not (rounds == 0 and _goes_with(f, plain))]
        if reason := _refusal(plain, hidden, message):
            raise leaves.Uncuttable(reason)
        spans = [*_exact(plain, shown), *self._hidden(hidden, shown, rounds)]
        fresh = self._elsewhere(
            Redacted(
                cutting.replaced(message.url, cutting.own(plain, "url"), url=True),
                tuple(cutting.header(name, value, plain) for name, value in message.headers),
                cutting.replaced(message.body, spans),
                message.removed + len(cut),
            ),
            cutting.values(plain, message),
        )
        if cutting.breaks_json(message.body, fresh.body):
            raise leaves.Uncuttable("structure")
        return fresh

    def _hidden(self, found: Sequence[Finding], body: bytes, rounds: int) -> Iterator[Cut]:
        """What is cut of a body for hits in decoded layers."""
        why = {(f.offset, f.end): f for f in reversed(found)}
        coded = {
            s for s, f in why.items() if rounds < 2 and f.location.split(">")[1] in leaves.RUNS
        }
        windows = [span for span in why if span not in coded]
        for span, runs in leaves.each_run(body, coded):
            yield from ((*run, why[span]) for run in self._held(body, runs))
            windows += () if runs else (span,)
        if not windows:
            return
        first = why[windows[0]]
        if rounds == _ROUNDS - 1:  # the place of what was decoded often may be beside it
            windows = [(0, len(body))]
        if cutting.is_json(body):
            held = leaves.holding(body, windows, self._holds, rounds)
        else:
            held = leaves.written(body, windows, self._holds)
        for span in held:  # what is in it tells, so that its mark is the same in each turn
            yield (*span, self._token(body[slice(*span)]) or first)

    def _held(self, body: bytes, runs: list[Span]) -> list[Span]:
        """Those of several runs that hold a token alone; else all but names of members: a hit of
        what was decoded together says where the first and the last of them are."""
        if len(runs) == 1:
            return runs
        alone = [run for run in runs if self._holds(body[slice(*run)])]
        return alone or [run for run in runs if not leaves.is_name(body, run)]

    def _holds(self, text: bytes) -> bool:
        return self._token(text) is not None

    def _token(self, text: bytes) -> Finding | None:
        found = self.scanner.scan(text, detectors=self.detectors)
        return next((f for f in found if f.verdict is Verdict.TOKEN and not self.allowed(f)), None)

    def _elsewhere(self, message: Redacted, values: dict[bytes, Finding]) -> Redacted:
        """The message without any other copy of what was cut."""
        url, body, headers = message.url, message.body, list(message.headers)
        removed = message.removed
        for value, finding in values.items():
            if value in url[: cutting.authority_end(url)] or any(value in n for n, _ in headers):
                raise leaves.Uncuttable("authority")
            if value in url[: cutting.path_end(url)]:  # another path is another resource
                raise leaves.Uncuttable("path")
            removed += sum(text.count(value) for text in (url, body, *(v for _, v in headers)))
            mark = cutting.marker(finding, False)
            url = url.replace(value, cutting.marker(finding, True))
            body = self._swap(body, value, mark)
            headers = [(name, text.replace(value, mark)) for name, text in headers]
        return Redacted(url, tuple(headers), body, removed)

    def _swap(self, body: bytes, value: bytes, mark: bytes) -> bytes:
        if value not in body:
            return body
        parts, at = list[bytes](), 0
        for start, end in self.kept(body):
            parts += [body[at:start].replace(value, mark), body[start:end]]
            at = end
        return b"".join((*parts, body[at:].replace(value, mark)))


def _budget(scanner: Scanner, body: bytes) -> Budget:
    """As for the scan in which the body could be decoded."""
    budget = Budget(scanner.limits.decoded, scanner.limits.ratio)
    budget.sent(len(body))
    return budget


def _patient(scanner: Scanner, removed: int) -> Scanner:
    """What was cut is looked at as well where a name or a URL is around it: that is no reason to
    look at less of what was not."""
    other = copy(scanner)
    other.limits = replace(scanner.limits, confirmed=scanner.limits.confirmed + _MEET * removed)
    return other


def _is_bound(finding: Finding) -> bool:
    """Whether something was not looked at; of what was only not listed the next scan tells."""
    return not finding.of_value and finding.rule != LEFT_OUT


def _goes_with(finding: Finding, plain: Sequence[Finding]) -> bool:
    """Whether a part of what a decoded layer came from is cut as it stands: whether that takes the
    rest with it is for the next scan to say."""
    surface = finding.location.partition(">")[0]
    span = finding.offset, finding.end
    return any(f.location == surface and leaves.overlap(span, (f.offset, f.end)) for f in plain)


def _refusal(plain: Sequence[Finding], hidden: Sequence[Finding], message: Redacted) -> str:
    if any(not f.location.startswith("body>") for f in hidden):
        return "encoded"
    if any(_unreachable(f, message.url) for f in plain):
        return "authority"
    if _ambiguous(plain, message.headers):
        return "headers"
    signed = any(
        name.lower() in _SIGNED or value.startswith((b"AWS4-HMAC", b"AWS4-ECDSA", b"SharedKey "))
        for name, value in message.headers
    )
    return "signed" if signed and (plain or hidden) else ""


def _exact(found: Sequence[Finding], body: bytes) -> list[Cut]:
    """What is cut for hits in the body as it stands. Raises Uncuttable for a span that leaves its
    JSON string, which would take fields with it; a key in armor is cut within its strings."""
    cuts = cutting.own(found, "body")
    quoted = [c for c in cuts if b'"' in body[c[0] : c[1]]]
    if not quoted or not cutting.is_json(body):
        return cuts
    keys = [cut for cut in quoted if cut[2].rule == "key.pem"]
    others = [cut for cut in cuts if cut not in keys]
    if any(_BARE_QUOTE.search(body[start:end]) for start, end, _ in others):
        raise leaves.Uncuttable("structure")
    return [*others, *armor.parts(body, keys)]


def _unreachable(finding: Finding, url: bytes) -> bool:
    if finding.location == "url":
        return finding.offset < cutting.authority_end(url)
    return finding.location != "body" and not finding.location.startswith("header:")


def _ambiguous(cut: Sequence[Finding], headers: HeaderList) -> bool:
    """Of several headers of one name a finding does not say which it is in."""
    count = Counter(b"header:" + name.lower() for name, _ in headers)
    return any(count[f.location.encode("latin-1")] > 1 for f in cut)
