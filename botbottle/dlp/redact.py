"""Cutting a token out of a request without breaking the request.

Only what can be cut exactly is cut: hits in the plain body, in a header, or in the URL after the
authority. Hits inside a decoded layer, in the authority, in a compressed or signed message, and
cuts that would leave invalid JSON, are refused with a reason: the caller blocks. A hit in a decoded
layer whose source overlaps what is cut goes with it, as a key in Base64 does. What was cut is
cut wherever else it stands, for a conversation repeats a value without the name that a rule knows
it by. After the cut the message is scanned again; a remaining token, or a bound, refuses as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote_from_bytes

import msgspec

from botbottle.dlp.checks import mixed
from botbottle.dlp.escapes import NAMES
from botbottle.dlp.findings import Finding, Verdict
from botbottle.dlp.scanner import Scanner
from botbottle.dlp.settings import OUTBOUND
from botbottle.dlp.wordlike import wordlike

_LETTER = 1  # byte of an escape that is in front of a run: that of a line break
_LEAST = 12  # bytes of a value that is looked for in the rest of a message, if it is no word

HeaderList = Sequence[tuple[bytes, bytes]]

_BARE_QUOTE = re.compile(rb'(?:^|[^\\])(?:\\\\)*"')
_DIGESTS = frozenset([b"content-md5", b"digest", b"content-digest", b"repr-digest", b"want-digest"])
_SIGNED = frozenset(
    [b"signature", b"signature-input", b"x-amz-content-sha256", b"x-hub-signature-256"]
)


@dataclass(frozen=True, slots=True)
class Redacted:
    """The message to send instead. ``removed``: how many spans were replaced."""

    url: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    removed: int


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
) -> RedactResult:
    """Replace every TOKEN finding of this request by ``[REDACTED:<rule>:<8 hex digits>]``.

    The digits are the first of the fingerprint. ``allowed``: what may remain; a BLOCK never may.
    """
    target = url.encode() if isinstance(url, str) else url
    tokens = [f for f in findings if f.verdict is Verdict.TOKEN]
    cut = [f for f in tokens if not _goes_with(f, tokens)]
    reason = _refusal(cut, headers, target, content_encoding) or _structure(cut, body)
    if reason:
        return CannotRedact(reason)
    fresh = _elsewhere(
        Redacted(
            _replace(target, [f for f in cut if f.location == "url"], url=True),
            tuple(_header(name, value, cut) for name, value in headers),
            _replace(body, [f for f in cut if f.location == "body"]),
            len(cut),
        ),
        _values(cut, target, headers, body),
    )
    if isinstance(fresh, CannotRedact):
        return fresh
    if _breaks_json(body, fresh.body):
        return CannotRedact("structure")
    fixed = replace(fresh, headers=_fix_lengths(fresh.headers, fresh.body))
    again = scanner.scan_request(
        fixed.url, fixed.headers, fixed.body, content_type, content_encoding, detectors
    )
    if len(cut) < len(tokens) and any(f.rule.startswith("limit.") for f in again):
        return CannotRedact("remains")  # what went with others may be behind the bound
    open_ = (f for f in again if f.verdict is Verdict.BLOCK or not allowed(f))
    if any(f.verdict in (Verdict.TOKEN, Verdict.BLOCK) for f in open_):
        return CannotRedact("remains")
    return fixed


def _goes_with(finding: Finding, tokens: Sequence[Finding]) -> bool:
    """Whether what a decoded layer holds is gone with what is cut: all of a decoded run, or a part
    of a window in which escapes were undone. That nothing is left is for the next scan to say."""
    surface, *layers = finding.location.split(">")
    rough = bool(layers) and NAMES.issuperset(layers)
    whole = (f for f in tokens if layers and f.location == surface)
    return any(
        (f.offset < finding.end and finding.offset < f.end)
        if rough
        else (f.offset <= finding.offset + _LETTER and finding.end <= f.end)
        for f in whole
    )


def _refusal(cut: Sequence[Finding], headers: HeaderList, url: bytes, coding: str) -> str:
    if not all(f.of_value for f in cut):
        return "too many"  # a bound: there are tokens that were not even listed
    if any(f.layered for f in cut):
        return "encoded"
    if any(_unreachable(f, url) for f in cut):
        return "authority"
    if _ambiguous(cut, headers):
        return "headers"
    if coding.strip().lower() not in ("", "identity") and any(f.location == "body" for f in cut):
        return "compressed"
    signed = any(
        name.lower() in _SIGNED or value.startswith((b"AWS4-HMAC", b"AWS4-ECDSA", b"SharedKey "))
        for name, value in headers
    )
    return "signed" if signed else ""


def _structure(cut: Sequence[Finding], body: bytes) -> str:
    """A span that leaves its JSON string would take fields with it."""
    spans = [body[f.offset : f.end] for f in cut if f.location == "body"]
    crossing = any(_BARE_QUOTE.search(span) for span in spans)
    return "structure" if crossing and body.lstrip()[:1] in (b"{", b"[") and _is_json(body) else ""


def _unreachable(finding: Finding, url: bytes) -> bool:
    if finding.location == "url":
        return finding.offset < _authority_end(url)
    return finding.location != "body" and not finding.location.startswith("header:")


def _ambiguous(cut: Sequence[Finding], headers: HeaderList) -> bool:
    """Of several headers of one name a finding does not say which it is in."""
    count = Counter(b"header:" + name.lower() for name, _ in headers)
    return any(count[f.location.encode("latin-1")] > 1 for f in cut)


def _authority_end(url: bytes) -> int:
    start = url.find(b"://") + 3 if b"://" in url else 0
    ends = [at for at in (url.find(mark, start) for mark in (b"/", b"?", b"#")) if at >= 0]
    return min(ends, default=len(url))


def _path_end(url: bytes) -> int:
    return min((at for at in (url.find(b"?"), url.find(b"#")) if at >= 0), default=len(url))


def _replace(data: bytes, findings: Sequence[Finding], *, url: bool = False) -> bytes:
    """Cut from the end, so that earlier offsets stay valid; overlaps merge, longest first."""
    out = bytearray(data)
    for start, end, finding in reversed(_merged(findings)):
        out[start:end] = _marker(finding, url)
    return bytes(out)


def _values(
    cut: Sequence[Finding], url: bytes, headers: HeaderList, body: bytes
) -> dict[bytes, Finding]:
    """What was cut, longest first, in each form in which it may stand where no rule knows it:
    beside no name, behind one that says nothing. A password that is a word is in other texts, too,
    and in the names of their members."""
    lines = {f"header:{name.decode('latin-1').lower()}": name + b": " + v for name, v in headers}
    places = {**lines, "url": url, "body": body}
    found: dict[bytes, Finding] = {}
    for finding in cut:
        value = places[finding.location][finding.offset : finding.end]
        plain = value.replace(b"\\/", b"/")
        for form in (
            value,
            plain,
            plain.replace(b"/", b"\\/"),
            quote_from_bytes(plain, "").encode(),
        ):
            if len(plain) >= _LEAST and _random(plain):
                found.setdefault(form, finding)
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def _random(value: bytes) -> bool:
    hexadecimal = not value.translate(None, b"0123456789abcdefABCDEF")
    return mixed(value) and (hexadecimal or not wordlike(value))


def _elsewhere(message: Redacted, values: dict[bytes, Finding]) -> RedactResult:
    """The message without any other copy of what was cut."""
    url, body, headers = message.url, message.body, list(message.headers)
    removed = message.removed
    for value, finding in values.items():
        if value in url[: _authority_end(url)] or any(value in name for name, _ in headers):
            return CannotRedact("authority")
        if value in url[: _path_end(url)]:  # another path is another resource than was asked for
            return CannotRedact("path")
        removed += sum(text.count(value) for text in (url, body, *(v for _, v in headers)))
        mark = _marker(finding, False)
        url, body = url.replace(value, _marker(finding, True)), body.replace(value, mark)
        headers = [(name, text.replace(value, mark)) for name, text in headers]
    return Redacted(url, tuple(headers), body, removed)


def _merged(findings: Sequence[Finding]) -> list[tuple[int, int, Finding]]:
    spans: list[tuple[int, int, Finding]] = []
    for finding in sorted(findings, key=lambda f: (f.offset, -f.length)):
        if spans and finding.offset < spans[-1][1]:
            start, end, first = spans[-1]
            spans[-1] = (start, max(end, finding.end), first)
        else:
            spans.append((finding.offset, finding.end, finding))
    return spans


def _marker(finding: Finding, url: bool) -> bytes:
    if url:
        return f"REDACTED-{finding.rule}-{finding.fingerprint[:8]}".encode()
    return f"[REDACTED:{finding.rule}:{finding.fingerprint[:8]}]".encode()


def _header(name: bytes, value: bytes, cut: Sequence[Finding]) -> tuple[bytes, bytes]:
    location = "header:" + name.decode("latin-1").lower()
    mine = [f for f in cut if f.location == location]
    if not mine:
        return name, value
    line = _replace(name + b": " + value, mine)
    return name, line[len(name) + 2 :]


def _fix_lengths(headers: HeaderList, body: bytes) -> tuple[tuple[bytes, bytes], ...]:
    out = []
    for name, value in headers:
        lower = name.lower()
        if lower == b"content-length":
            out.append((name, str(len(body)).encode()))
        elif lower not in _DIGESTS:
            out.append((name, value))
    return tuple(out)


def _breaks_json(before: bytes, after: bytes) -> bool:
    """True when the body was JSON and no longer is."""
    if before == after or before.lstrip()[:1] not in (b"{", b"["):
        return False
    return _is_json(before) and not _is_json(after)


def _is_json(data: bytes) -> bool:
    """Looked at without making an object of each part: an agent can make millions of them."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True
