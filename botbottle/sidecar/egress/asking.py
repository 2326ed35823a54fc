"""One small HTTP/1.1 request of the sidecar's own, bounded in time and size.

The agent has no part in it: no proxying, no redirects, no cookies, no connection kept.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import h11

MAX_ANSWER = 64 * 1024  # bytes of body
_READ = 16 * 1024


class NoAnswer(Exception):
    """Refused, unreachable, malformed or too long; the text names no value."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request that is ready to leave: ``headers`` has the credential, not host and length."""

    authority: str
    target: str  # path and query
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, ``content-encoding`` and body as sent."""

    status: int
    coding: str
    body: bytes = field(repr=False)


async def post(
    question: Question, addresses: Sequence[str], port: int, tls: ssl.SSLContext | None, name: str
) -> Answer:
    """Ask the first address that answers. ``name``: whose certificate is expected.

    Raises NoAnswer. The caller bounds the time.
    """
    problem = "no address"
    for address in addresses:
        server_name = name if tls else None
        try:
            reader, writer = await asyncio.open_connection(
                address, port, ssl=tls, server_hostname=server_name
            )
        except OSError as error:
            problem = type(error).__name__
            continue
        try:
            return await _exchange(question, reader, writer)
        except (OSError, h11.ProtocolError) as error:
            raise NoAnswer(type(error).__name__) from None
        finally:
            writer.transport.abort()
    raise NoAnswer(problem)


async def _exchange(
    question: Question, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Answer:
    wire = h11.Connection(h11.CLIENT)
    head = [
        (b"host", question.authority.encode("ascii")),
        (b"content-length", b"%d" % len(question.body)),
        (b"connection", b"close"),
        *question.headers,
    ]
    request = h11.Request(method="POST", target=question.target.encode("latin-1"), headers=head)
    writer.write(wire.send(request) or b"")
    writer.write(wire.send(h11.Data(question.body)) or b"")
    writer.write(wire.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    return await _answer(wire, reader)


async def _answer(wire: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    status, coding, body = 0, "", bytearray()
    while True:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            wire.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Response):
            status, coding = event.status_code, _coding(event)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_ANSWER:
                raise NoAnswer("too long")
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, coding, bytes(body))
        elif not isinstance(event, h11.InformationalResponse):
            raise NoAnswer("closed")


def _coding(response: h11.Response) -> str:
    with suppress(UnicodeDecodeError):
        codings = [v.decode("ascii") for k, v in response.headers if k == b"content-encoding"]
        return ", ".join(codings)
    return ""
