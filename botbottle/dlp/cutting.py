"""What is put in the place of a token, in a body, a header and a URL. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

import msgspec

from botbottle.dlp.checks import mixed
from botbottle.dlp.findings import Finding
from botbottle.dlp.wordlike import wordlike

_LEAST = 12  # bytes of a value that is looked for in the rest of a message, if it is no word
_GONE = frozenset(
    [
        b"content-encoding",
        b"content-md5",
        b"digest",
        b"content-digest",
        b"repr-digest",
        b"want-digest",
    ]
)

HeaderList = Sequence[tuple[bytes, bytes]]
Cut = tuple[int, int, Finding]  # start, end, why


@dataclass(frozen=True, slots=True)
class Redacted:
    """The message to send instead. ``removed``: how many spans were replaced."""

    url: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    removed: int


def own(found: Sequence[Finding], location: str) -> list[Cut]:
    """What is cut of one surface for hits that are in it as it stands."""
    return [(f.offset, f.end, f) for f in found if f.location == location]


def authority_end(url: bytes) -> int:
    """Offset of the first byte behind the host and port; the URL's end where nothing follows."""
    start = url.find(b"://") + 3 if b"://" in url else 0
    ends = [at for at in (url.find(mark, start) for mark in (b"/", b"?", b"#")) if at >= 0]
    return min(ends, default=len(url))


def path_end(url: bytes) -> int:
    """Offset of the query or the fragment; the URL's end without either."""
    return min((at for at in (url.find(b"?"), url.find(b"#")) if at >= 0), default=len(url))


def replaced(data: bytes, cuts: Iterable[Cut], *, url: bool = False) -> bytes:
    """Cut from the end, so that earlier offsets stay valid; overlaps merge, longest first."""
    out = bytearray(data)
    for start, end, finding in reversed(_merged(cuts)):
        login = out[max(0, start - 3) : start] == b"://"  # a colon would make a password of it
        out[start:end] = marker(finding, url or login)
    return bytes(out)


def values(cut: Sequence[Finding], message: Redacted) -> dict[bytes, Finding]:
    """What was cut, longest first, in each form in which it may stand where no rule knows it:
    beside no name, behind one that says nothing. A password that is a word is in other texts, too,
    and in the names of their members."""
    lines = {f"header:{n.decode('latin-1').lower()}": n + b": " + v for n, v in message.headers}
    places = {**lines, "url": message.url, "body": message.body}
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


def _merged(cuts: Iterable[Cut]) -> list[Cut]:
    spans: list[Cut] = []
    for start, end, finding in sorted(cuts, key=lambda c: (c[0], -c[1])):
        if spans and start < spans[-1][1]:
            first, last, named = spans[-1]
            spans[-1] = (first, max(last, end), named)
        else:
            spans.append((start, end, finding))
    return spans


def marker(finding: Finding, url: bool) -> bytes:
    """What stands for a value from now on, the same in each request; ``url``: without signs that
    mean something there."""
    if url:
        return f"REDACTED-{finding.rule}-{finding.fingerprint[:8]}".encode()
    return f"[REDACTED:{finding.rule}:{finding.fingerprint[:8]}]".encode()


def header(name: bytes, value: bytes, cut: Sequence[Finding]) -> tuple[bytes, bytes]:
    """A header without what is cut of it."""
    location = "header:" + name.decode("latin-1").lower()
    mine = [f for f in cut if f.location == location]
    if not mine:
        return name, value
    line = replaced(name + b": " + value, own(mine, location))
    return name, line[len(name) + 2 :]


def lengths_fixed(headers: HeaderList, body: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """Headers that fit another body, which is sent as it is: its length, no digest, no coding."""
    out = []
    for name, value in headers:
        lower = name.lower()
        if lower == b"content-length":
            out.append((name, str(len(body)).encode()))
        elif lower not in _GONE:
            out.append((name, value))
    return tuple(out)


def breaks_json(before: bytes, after: bytes) -> bool:
    """True when the body was JSON and no longer is."""
    return before != after and is_json(before) and not is_json(after)


def is_json(data: bytes) -> bool:
    """Looked at without making an object of each part: an agent can make millions of them."""
    if data.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True
