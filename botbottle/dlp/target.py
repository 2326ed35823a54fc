"""The surfaces of a request's head: URL, host labels, path, query values, headers, cookies.

A location is written to logs and shown to operators, and an agent chooses the names of its headers:
a name that is no usual one, nor made of words, is scanned and never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import unquote_to_bytes

from botbottle.dlp.wordlike import wordlike

UNUSUAL = "header with an unusual name"
_USUAL = frozenset(
    b"accept accept-charset accept-encoding accept-language api-key apikey authorization baggage "
    b"cache-control connection content-disposition content-encoding content-language "
    b"content-length content-md5 content-type cookie date digest dpop etag expect forwarded from "
    b"host idempotency-key if-match if-modified-since if-none-match if-range if-unmodified-since "
    b"keep-alive link origin pragma prefer priority private-token proxy-authorization range "
    b"referer sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode "
    b"sec-fetch-site sec-fetch-user signature soapaction te trace traceparent tracestate trailer "
    b"transfer-encoding upgrade user-agent via warning x-access-token x-amz-content-sha256 "
    b"x-amz-date x-amz-security-token x-amz-target x-api-key x-api-token x-auth-email x-auth-key "
    b"x-auth-token x-b3-spanid x-b3-traceid x-client-request-id x-correlation-id x-csrf-token "
    b"x-figma-token x-forwarded-for x-forwarded-host x-forwarded-proto x-github-api-version "
    b"x-gitlab-token x-goog-api-client x-goog-api-key x-goog-user-project x-http-method-override "
    b"x-ms-date x-ms-version x-real-ip x-registry-auth x-request-id x-requested-with "
    b"x-shopify-access-token x-stainless-arch x-stainless-lang x-stainless-os x-token "
    b"x-vault-token".split()
)
_WORDS = re.compile(rb"(?:x-)?[a-z]{1,16}(?:-[a-z]{1,16}){0,4}")
_SHORT, _LONGEST = 6, 32  # characters of a name that is always shown, and for its words
_SHARE = 0.45  # of pairs of letters that are of words


type Held = Callable[[bytes], bool]  # whether some of a held secret is in a name


def surfaces_of(
    url: bytes, headers: Sequence[tuple[bytes, bytes]], held: Held
) -> Iterator[tuple[bytes, str]]:
    """(bytes, location) pairs, raw first, then decoded once where that differs."""
    yield url, "url"
    host, path = _split(url)
    if b"." in host:
        yield host.replace(b".", b""), "host"  # a value cut into DNS labels
    decoded = unquote_to_bytes(path.replace(b"+", b" "))
    if decoded != path:
        yield decoded, "path"
    for name, value in headers:
        yield name + b": " + value, label(name, held)
    joined = b"".join(value for _, value in headers)
    if joined:
        yield joined, "headers"


def label(name: bytes, held: Held) -> str:
    """The location of a header: its name, where that can be nothing else."""
    lower = name.lower()
    if lower not in _USUAL and (not _words(lower) or held(lower)):
        return UNUSUAL
    return "header:" + lower.decode("latin-1")


def _words(name: bytes) -> bool:
    if len(name) > _LONGEST or not _WORDS.fullmatch(name):
        return False
    return len(name) <= _SHORT or wordlike(name, _SHARE)


def _split(url: bytes) -> tuple[bytes, bytes]:
    rest = url.partition(b"://")[2] or url
    host, slash, path = rest.partition(b"/")
    return host.partition(b"?")[0], slash + path
