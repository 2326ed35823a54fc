"""AWS Signature Version 4: sign a request anew with credentials the agent never had.

The agent signs with placeholders; its signature is dropped and the request is signed again over
the same method, path, query, body and ``x-amz-*`` headers. Region and service are taken from the
scope of the agent's own signature, or from the host's name.

Source: AWS General Reference, "Create a signed AWS API request"; checked against the published
test vectors.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

type Fields = tuple[tuple[bytes, bytes], ...]

_SCOPE = re.compile(rb"Credential=[^/,\s]+/\d{8}/([a-z0-9-]{1,40})/([a-z0-9-]{1,40})/aws4_request")
_HOST = re.compile(r"(?:.+\.)?([a-z0-9-]+)[.-]([a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws|api\.aws)")
_SERVICES = {"bedrock-runtime": "bedrock", "bedrock-runtime-fips": "bedrock"}
_ONCE = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts"})  # services
_SLASHES = re.compile("/{2,}")
_DROPPED = frozenset({b"authorization", b"x-amz-date", b"x-amz-security-token", b"date"})


class CannotSign(ValueError):
    """The request cannot be signed; the text says why and names no value."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials of the secret ``ACCESS-KEY-ID:SECRET-KEY[:SESSION-TOKEN]``."""

    access: str
    secret: str = field(repr=False)
    session: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What is signed. ``path`` and ``query`` are as sent, ``headers`` without credentials."""

    method: str
    host: str
    path: str
    query: str
    headers: Fields
    body: bytes = field(repr=False)


def parse_keys(value: str) -> Keys:
    """Raises CannotSign when the secret does not have the form."""
    parts = value.split(":", 2)
    if len(parts) < 2 or not all(parts[:2]):
        raise CannotSign("the credential is not ACCESS-KEY-ID:SECRET-KEY[:SESSION-TOKEN]")
    return Keys(*parts)


def scope_of(headers: Fields, host: str) -> tuple[str, str]:
    """(region, service) from the agent's signature, else from the host. Raises CannotSign."""
    for name, value in headers:
        if name.lower() == b"authorization" and (found := _SCOPE.search(value)):
            return found[1].decode(), found[2].decode()
    if named := _HOST.match(host):
        return named[2], _SERVICES.get(named[1], named[1])
    raise CannotSign("region and service are neither in the request's signature nor in its host")


def sign(request: Unsigned, keys: Keys, scope: tuple[str, str], now: datetime) -> Fields:
    """The headers with a fresh signature. Raises CannotSign for signed URLs."""
    if "x-amz-signature" in request.query.lower():
        raise CannotSign("a presigned URL carries its own credential")
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    payload = hashlib.sha256(request.body).hexdigest()
    headers = _with_date(request.headers, keys, stamp, payload)
    signed, canonical = _canonical(request, headers, payload, scope[1])
    region, service = scope
    where = f"{stamp[:8]}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{where}\n{digest}"
    key = _key(keys.secret, stamp[:8], region, service)
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    line = (
        f"AWS4-HMAC-SHA256 Credential={keys.access}/{where}, "
        f"SignedHeaders={signed}, Signature={signature}"
    )
    return (*headers, (b"authorization", line.encode()))


def _lower(headers: Fields) -> list[tuple[bytes, bytes]]:
    return [(name.lower(), value) for name, value in headers]


def _with_date(headers: Fields, keys: Keys, stamp: str, payload: str) -> Fields:
    kept = [f for f in headers if f[0].lower() not in _DROPPED]
    if any(name == b"x-amz-content-sha256" for name, _ in _lower(headers)):
        kept = [f for f in kept if f[0].lower() != b"x-amz-content-sha256"]
        kept.append((b"x-amz-content-sha256", payload.encode()))
    kept.append((b"x-amz-date", stamp.encode()))
    if keys.session:
        kept.append((b"x-amz-security-token", keys.session.encode()))
    return tuple(kept)


def _canonical(request: Unsigned, headers: Fields, payload: str, service: str) -> tuple[str, str]:
    """(signed header names, canonical request)"""
    values: dict[str, list[str]] = {"host": [request.host]}
    for name, value in _lower(headers):
        if name.startswith(b"x-amz-") or name == b"content-type":
            text = " ".join(value.decode("latin-1").split())
            values.setdefault(name.decode("latin-1"), []).append(text)
    names = sorted(values)
    lines = "".join(f"{name}:{','.join(values[name])}\n" for name in names)
    path = _path(request.path, service)
    signed = ";".join(names)
    parts = (request.method, path or "/", _query(request.query), lines, signed, payload)
    return signed, "\n".join(parts)


def _path(path: str, service: str) -> str:
    """S3 encodes a key once, takes ``+`` in it for a blank and knows empty segments; all others
    encode what was sent again."""
    if service in _ONCE:
        return quote(unquote_to_bytes(path.replace("+", " ")), safe="/-_.~")
    return quote(_SLASHES.sub("/", path), safe="/-_.~")


def _query(query: str) -> str:
    """Each name and value decoded and encoded anew: AWS compares with that, whatever was sent."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return "&".join(f"{n}={v}" for n, v in sorted((_anew(p[0]), _anew(p[2])) for p in pairs))


def _anew(text: str) -> str:
    return quote(unquote_to_bytes(text.replace("+", " ")), safe="-_.~")


def _key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
