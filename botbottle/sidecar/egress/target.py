"""Canonical target: the one host, port and path that a request is for, or a refusal.

A request can name its host in up to four places (CONNECT authority, TLS SNI, Host or
:authority, absolute-form). All that are present must name the same host after canonicalisation;
there is no repair, because what another parser would make of it is what an attacker uses.

Host names are ASCII only (IDNs travel as A-labels), case-insensitive, without trailing dot. Any
name that a URL parser could take for an IPv4 address in another notation (WHATWG URL, "ends in
a number") is refused unless it is a canonical dotted quad; IPv6 literals are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from botbottle.sidecar.egress.denial import Denial

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_QUAD = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}")
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|\d+)")
_PORT = re.compile(r"[1-9]\d{0,4}")
_BAD_PATH = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\#]")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})?")
_SHORT = 512  # characters
# of a path without its query. RFC 9110, 4.1, asks for 8,000 octets of a whole URI at least; the
# servers behind most hosts take 8 to 16 KiB of it.
MAX_PATH = 16 * 1024
MAX_QUERY = 64 * 1024  # characters; it is taken apart on the event loop, as is the path
MAX_PARAMETERS = 1000
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says about its target, as it was read off the wire.

    ``kind``: ``proxy`` (explicit proxy, absolute-form), ``tunnel`` (inside CONNECT), ``direct``
    (the program connected to the sidecar's own 443 or 80 by a resolved name). ``authority`` is
    the CONNECT authority or that of the absolute form. ``hosts``: every Host header and
    :authority. ``path`` has its query. ``tls``: the client spoke TLS.
    """

    kind: str
    tls: bool
    port: int
    authority: str
    sni: str
    hosts: tuple[str, ...]
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. ``path`` is what rules match: no query, unreserved characters
    decoded, ``query`` is as sent."""

    host: str
    port: int
    tls: bool
    method: str
    path: str
    query: str


def resolve(claim: Claim) -> Target | Denial:
    """The target of a request, or why it has none."""
    names = [split_authority(text) for text in (claim.authority, *claim.hosts) if text]
    if claim.sni:
        names.append((claim.sni, 0))
    host = agreed(names, claim.port)
    if isinstance(host, Denial):
        return host
    if not host:
        return refuse("bad-host", "the request names no host")
    if not any(claim.hosts):  # its server would take it for its own default (RFC 9112, 3.2)
        return refuse("bad-host", "the request has no Host header")
    if len(claim.hosts) > 1 and len(set(claim.hosts)) > 1:
        return refuse("host-mismatch", "the request has several Host headers")
    return _with_path(claim, host)


def agreed(names: Iterable[tuple[str, int]], wanted: int) -> str | Denial:
    """The one host that all names are for, on the port that is ``wanted``; '' of no names."""
    host = ""
    for raw, port in names:
        name = canonical_host(raw)
        if isinstance(name, Denial):
            return name
        if host and name != host:
            return refuse("host-mismatch", f"the request names both {host} and {name}")
        if port < 0 or (port and port != wanted):
            return refuse("host-mismatch", f"the request names another port than {wanted}")
        host = name
    return host


def _with_path(claim: Claim, host: str) -> Target | Denial:
    path, _, query = claim.path.partition("?")
    if len(path) > MAX_PATH:
        return refuse("too-large", f"the path is longer than {MAX_PATH} characters")
    if len(query) > MAX_QUERY or query.count("&") + query.count(";") >= MAX_PARAMETERS:
        return refuse("too-large", "the query is longer, or of more parameters, than any")
    clean = canonical_path(path)
    if clean is None or _BAD_PATH.search(query):
        return refuse("ambiguous-path", "the path has dot segments or characters out of place")
    return Target(host, claim.port, claim.tls, claim.method, clean, query)


def refuse(code: str, reason: str) -> Denial:
    """The end of a request that has no certain target, and of its connection."""
    return Denial(code, reason, close=True)


def split_authority(text: str) -> tuple[str, int]:
    """(host, port) of ``host[:port]``; port 0 when absent, -1 when it is not a port."""
    if text.startswith("["):
        host, _, rest = text.partition("]")
        host, port = host + "]", rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if not port:
        return host, 0 if not text.endswith(":") else -1
    return host, int(port) if _PORT.fullmatch(port) and int(port) < 65536 else -1


class _Remembered[Found]:
    """A pure function of a text whose results for short texts are kept. What is long is computed
    anew: whoever sends it would decide how much is kept."""

    def __init__(self, compute: Callable[[str], Found]) -> None:
        self._compute = compute
        self._kept = lru_cache(maxsize=4096)(compute)
        self.cache_clear, self.cache_info = self._kept.cache_clear, self._kept.cache_info

    def __call__(self, text: str) -> Found:
        return self._kept(text) if len(text) <= _SHORT else self._compute(text)


@_Remembered
def canonical_host(raw: str) -> str | Denial:
    """The lower-case name, or why it is not one."""
    name = raw.lower()
    if "@" in name:
        return refuse("bad-host", "the host carries user information")
    if name.startswith("[") or ":" in name:
        return refuse("ip-notation", "IPv6 literals are refused")
    if not raw.isascii() or len(name) > 253 or not _HOST.fullmatch(name):
        return refuse("bad-host", "the host is not a plain ASCII DNS name")
    if _NUMERIC.fullmatch(name.rpartition(".")[2]) and not _QUAD.fullmatch(name):
        return refuse("ip-notation", "the host is an address in an unusual notation")
    return name


@_Remembered
def canonical_path(path: str) -> str | None:
    """The path with unreserved characters decoded, or None when parsers could disagree on it.

    Encoded slashes stay encoded (they are data in package and project names); dot segments, in
    any encoding up to two rounds and with path parameters, are refused.
    """
    if not path.startswith("/") or _BAD_PATH.search(path):
        return None
    clean = _decode_unreserved(path)
    if clean is None:
        return None
    probe = clean
    for _ in range(2):
        if _has_dot_segment(probe):
            return None
        decoded = re.sub(r"%([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), probe)
        if "\x00" in decoded:
            return None
        probe = decoded
    return None if _has_dot_segment(probe) else clean


@lru_cache(maxsize=4)
def decoded(query: str) -> str:
    """A query without escapes and in lower case, to see what may be in it. Every stage asks, and
    decoding a long one takes a millisecond: the last are kept."""
    return unquote(query).lower()


def _decode_unreserved(path: str) -> str | None:
    broken = False

    def one(found: re.Match[str]) -> str:
        nonlocal broken
        if found[1] is None:
            broken = True
            return found[0]
        char = chr(int(found[1], 16))
        return char if char in _UNRESERVED else found[0].upper()

    clean = _PERCENT.sub(one, path) if "%" in path else path
    return None if broken else clean


def _has_dot_segment(path: str) -> bool:
    if "." not in path:
        return False
    segments = path.replace("\\", "/").split("/")
    return any(segment.partition(";")[0] in (".", "..") for segment in segments)
