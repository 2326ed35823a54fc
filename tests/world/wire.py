"""What travels between the transports and the dialects: requests in, replies of frames out."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.world.script import Script
from tests.world.usage import Usage

MAX_MEMORY = 10_000

type Headers = list[tuple[str, str]]


@dataclass(slots=True)
class Request:
    """One request as received; ``body`` is decoded from its Content-Encoding, up to a bound."""

    method: str
    target: str  # exactly as on the wire
    host: str  # lower case, without the port
    authority: str  # as on the wire, with the port
    path: str  # without the query
    query: str
    headers: Headers  # names lower case, in order
    protocol: str  # http/1.1, h2 or ws
    tls: bool
    connection: int  # the connection's number in the truth
    body: bytes = b""
    body_bytes: int = 0  # as received, before decoding
    body_sha256: str = ""  # as received
    body_decoded: bool = True  # False: too large to keep, or not decodable

    def header(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        return next((value for key, value in self.headers if key == name), "")

    def arg(self, name: str, default: str = "") -> str:
        """A query argument."""
        return parse_qs(self.query, keep_blank_values=True).get(name, [default])[0]

    def json(self) -> Any:
        """The decoded body as JSON, or None."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Frame:
    """A piece of a body that is sent as one: usually one event.

    ``usage`` is what a reader who saw everything up to and including this frame knows.
    """

    data: bytes
    name: str = ""
    usage: Usage | None = None
    terminal: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Bill:
    """The usage of one response: what the provider bills, whatever of it got through."""

    response_id: str
    model: str
    usage: Usage


@dataclass(slots=True)
class Reply:
    """An answer. ``stream`` false means that it has a length and is sent at once."""

    status: int = 200
    headers: Headers = field(default_factory=list)
    frames: Iterable[Frame] = ()
    stream: bool = False
    length: int | None = None  # bytes, when known without producing the frames
    bills: Sequence[Bill] = ()
    error_frame: Frame | None = None  # how this dialect says that it failed mid-stream


@dataclass(slots=True)
class Memory:
    """What the providers remember between requests: the last ``MAX_MEMORY`` of each kind."""

    responses: dict[str, dict[str, Any]] = field(default_factory=dict)
    polls: dict[str, int] = field(default_factory=dict)
    batches: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)  # OAuth: refresh token to its uses
    steered: set[str] = field(default_factory=set)  # WebSocket lanes whose response must end


@dataclass(frozen=True, slots=True)
class Call:
    """All that a dialect may look at to answer; ``rng`` is seeded by the request's content."""

    request: Request
    script: Script
    usage: Usage
    rng: random.Random
    memory: Memory
    data: Mapping[str, Any]
    model: str
    serial: str  # unique in this world, for response ids

    @property
    def streaming(self) -> bool:
        """Whether the body asks for a stream."""
        return bool(self.data.get("stream"))


def remember[V](shelf: dict[str, V], key: str, value: V) -> None:
    """Keep a value on a shelf of ``Memory``, forgetting the oldest beyond the bound."""
    shelf[key] = value
    while len(shelf) > MAX_MEMORY:
        del shelf[next(iter(shelf))]


def compact(value: Any) -> str:
    """JSON as the providers send it: no spaces, text unescaped."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def json_reply(
    value: Any,
    *,
    status: int = 200,
    headers: Headers | None = None,
    bills: Sequence[Bill] = (),
    usage: Usage | None = None,
) -> Reply:
    """A JSON body sent as one terminal frame."""
    frame = Frame(compact(value).encode(), "json", usage, terminal=True)
    return Reply(
        status, [("content-type", "application/json"), *(headers or [])], [frame], bills=bills
    )


def text_reply(text: str, *, status: int = 200, kind: str = "text/plain; charset=utf-8") -> Reply:
    """A text body sent as one terminal frame."""
    return Reply(status, [("content-type", kind)], [Frame(text.encode(), "text", terminal=True)])
