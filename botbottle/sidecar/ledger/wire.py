"""The wire format: JSON lines on a unix stream socket, one reply for each request.

Request ``{"v":1,"id":N,"op":NAME, ...}``, reply ``{"v":1,"id":N,"ok":BOOL, ...}``; a reply that
is not ok has ``code`` and ``message``. Requests may be pipelined; replies come in the order of
the requests of one connection. A frame is at most 64 KiB with its newline. ``docs/ledger.md``
has the table of operations.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sys
from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict

from botbottle.model.usage import Completeness, Exchange, Tokens

VERSION = 1
MAX_FRAME = 64 * 1024  # bytes
MAX_EXCHANGES = 100  # in one frame
MAX_TOKENS = 20_000_000  # of one class in one exchange: ten times any context window
MAX_ASKED = 10**12  # of input in one admission: a batch asks for all of its requests at once
MAX_DATA = 16 * 1024  # bytes of an event, a status or a proposal's payload
MAX_CLOCK_SKEW = 300.0  # seconds

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LEASE = re.compile(r"[0-9a-f]{0,64}")
_CLASSES = frozenset(Tokens.__struct_fields__)
_LAST = sys.float_info.max  # NaN, infinity and whole numbers beyond are no times
_TEXTS = {"dialect": 64, "model": 200, "host": 253, "response_id": 256, "note": 500}


_ENCODER = json.JSONEncoder(separators=(",", ":"))


class BadRequest(ValueError):
    """A frame that no honest sidecar sends; the text says what is wrong, without its content."""


def encode(frame: Mapping[str, Any]) -> bytes:
    """One frame as bytes. Raises BadRequest when it is too long."""
    line = _ENCODER.encode(frame).encode() + b"\n"
    if len(line) > MAX_FRAME:
        raise BadRequest("frame too long")
    return line


def name(frame: Mapping[str, Any], key: str) -> str:
    """A short machine name such as a provider's."""
    value = frame.get(key)
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise BadRequest(f"{key}: not a name")
    return value


def lease(frame: Mapping[str, Any]) -> str:
    """A lease id; empty when absent."""
    value = frame.get("lease", "")
    if not isinstance(value, str) or not _LEASE.fullmatch(value):
        raise BadRequest("lease: not a lease")
    return value


def text(frame: Mapping[str, Any], key: str, longest: int, *, required: bool = False) -> str:
    """Printable text of bounded length."""
    value = frame.get(key, "")
    if not isinstance(value, str) or len(value) > longest or not (value or not required):
        raise BadRequest(f"{key}: not text of at most {longest} characters")
    if not value.isprintable():
        raise BadRequest(f"{key}: control characters")
    return value


def prose(frame: Mapping[str, Any], key: str, longest: int) -> str:
    """Text for people: lines and tabs are fine, other control characters are not."""
    value = frame.get(key, "")
    if not isinstance(value, str) or len(value) > longest:
        raise BadRequest(f"{key}: not text of at most {longest} characters")
    if not value.replace("\n", "").replace("\t", "").isprintable():
        raise BadRequest(f"{key}: control characters")
    return value


def amount(frame: Mapping[str, Any], key: str, most: int = MAX_TOKENS) -> int:
    """A token count within reason; 0 when absent."""
    value = frame.get(key, 0)
    if type(value) is not int or not 0 <= value <= most:
        raise BadRequest(f"{key}: not a token count")
    return value


def mapping(frame: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A JSON object of bounded size without NaN."""
    value = frame.get(key, {})
    if not isinstance(value, dict):
        raise BadRequest(f"{key}: not an object")
    try:
        size = len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except (ValueError, RecursionError):  # NaN, lone surrogates, too deep
        raise BadRequest(f"{key}: not plain JSON") from None
    if size > MAX_DATA:
        raise BadRequest(f"{key}: larger than {MAX_DATA} bytes")
    return value


def tokens(frame: Mapping[str, Any], key: str = "tokens") -> Tokens:
    """Disjoint token classes, none negative or absurd."""
    value = frame.get(key, {})
    if not isinstance(value, dict) or not value.keys() <= _CLASSES:
        raise BadRequest(f"{key}: unknown classes")
    counts = Tokens(**{c: amount(value, c) for c in value})
    if counts.reasoning > counts.output:
        raise BadRequest(f"{key}: more reasoning than output")
    return counts


def exchanges(frame: Mapping[str, Any], now: float) -> tuple[Exchange, ...]:
    """The exchanges of a settle or append frame."""
    values = frame.get("exchanges", [])
    if not isinstance(values, list) or len(values) > MAX_EXCHANGES:
        raise BadRequest(f"exchanges: not a list of at most {MAX_EXCHANGES}")
    return tuple(_exchange(v, now) for v in values)


def _exchange(value: object, now: float) -> Exchange:
    if not isinstance(value, dict):
        raise BadRequest("exchange: not an object")
    texts = {k: text(value, k, n, required=k == "response_id") for k, n in _TEXTS.items()}
    try:
        completeness = Completeness(str(value.get("completeness")))
    except ValueError:
        raise BadRequest("completeness: unknown") from None
    return Exchange(
        provider=name(value, "provider"),
        tokens=tokens(value),
        completeness=completeness,
        at=_moment(value.get("at"), now),
        **texts,
    )


def _moment(value: object, now: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LAST:
        raise BadRequest("at: not a time")
    return credible(float(value), now)


def credible(at: float, now: float) -> float:
    """The reporter's clock where it is credible, else ours."""
    return at if now - 86400.0 <= at <= now + MAX_CLOCK_SKEW else now


def exchange_to_wire(exchange: Exchange) -> dict[str, Any]:
    """Inverse of what ``exchanges`` reads, made acceptable: model names and ids come from agents
    and upstreams, and no text of theirs may keep usage from being booked."""
    data: dict[str, Any] = asdict(exchange)
    data |= {key: clean(data[key], longest) for key, longest in _TEXTS.items()}
    data["response_id"] = _identity(exchange.response_id)
    data["tokens"] = tokens_to_wire(exchange.tokens)
    data["completeness"] = str(exchange.completeness)
    return data


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Report data as the service takes it: JSON without lone surrogates; other types as text."""
    text = json.dumps(data, default=str, ensure_ascii=False)
    cleaned: dict[str, Any] = json.loads(text.encode(errors="replace"))
    return cleaned


def clean(value: str, longest: int) -> str:
    """Printable ASCII of bounded length; everything else becomes a question mark."""
    return "".join(c if " " <= c <= "~" else "?" for c in value[:longest])


def _identity(response_id: str) -> str:
    """The id itself where it can travel, else one derived from it; a made-up one for none."""
    if not response_id:
        return f"bb-none-{secrets.token_hex(12)}"
    if len(response_id) <= _TEXTS["response_id"] and response_id == clean(response_id, 256):
        return response_id
    return "bb-sha-" + hashlib.sha256(response_id.encode(errors="replace")).hexdigest()


def tokens_to_wire(counts: Tokens) -> dict[str, int]:
    """Non-zero classes, within what the service takes for possible."""
    pairs = asdict(counts).items()
    fit = {key: min(max(value, 0), MAX_TOKENS) for key, value in pairs if value}
    if "reasoning" in fit:
        fit["reasoning"] = min(fit["reasoning"], fit.get("output", 0))
    return fit
