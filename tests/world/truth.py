"""The exact record of what the world received and sent; the judge of every usage test."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.world.script import Script, dump
from tests.world.usage import ZERO, Usage, total
from tests.world.wire import Bill, Headers, Request

AUTH_HEADERS = (
    "authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "private-token",
    "proxy-authorization",
    "cookie",
    "chatgpt-account-id",
    "x-amz-security-token",
)
MAX_JSON = 64 * 1024  # bytes; larger bodies are known by their hash
MAX_RECORDS = 200_000
MAX_BODIES = 64 * 1024 * 1024  # bytes of request bodies kept in all; the oldest go first


@dataclass(slots=True)
class Connection:
    """A TCP connection as accepted, whatever became of it."""

    number: int
    peer: str
    port: int
    tls: bool
    at: float
    sni: str | None = None
    alpn: str | None = None
    error: str = ""  # a failed handshake, in words
    requests: int = 0

    def as_dict(self) -> dict[str, Any]:
        """JSON-like data."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Record:
    """One request (or one response on a WebSocket) and the answer to it.

    ``outcome``: ``completed`` (all frames handed over), ``error_event``, ``cut``, ``stalled``,
    ``client_gone``, or ``open`` while it runs. ``reported`` is the usage that a reader of all
    the sent frames knows, per response id; ``bills`` what the provider bills regardless.
    """

    number: int
    request: Request
    provider: str
    dialect: str
    metered: bool
    at: float
    script: Script = field(default_factory=Script)
    model: str = ""
    status: int = 0
    coding: str = "identity"
    bills: tuple[Bill, ...] = ()
    reported: Usage | None = None
    events_sent: int = 0
    last_event: str = ""
    terminal_sent: bool = False
    bytes_sent: int = 0
    text_sent: int = 0  # characters of generated text
    outcome: str = "open"
    error: str = ""
    ended_at: float = 0.0
    response_headers: Headers = field(default_factory=list)
    _hash: Any = field(default_factory=hashlib.sha256)

    def sent(self, data: bytes) -> None:
        """Count encoded body bytes that were handed to the transport."""
        self.bytes_sent += len(data)
        self._hash.update(data)

    def as_dict(self) -> dict[str, Any]:
        """JSON-like data, the form that ``GET /truth`` gives."""
        request = self.request
        body = request.json() if len(request.body) <= MAX_JSON else None
        return {
            "id": self.number,
            "connection": request.connection,
            "at": self.at,
            "ended_at": self.ended_at,
            "provider": self.provider,
            "dialect": self.dialect,
            "metered": self.metered,
            "protocol": request.protocol,
            "tls": request.tls,
            "method": request.method,
            "target": request.target,
            "host": request.host,
            "path": request.path,
            "query": request.query,
            "header_names": [name for name, _ in request.headers],
            "headers": [list(pair) for pair in request.headers],
            "auth": {k: v for k, v in request.headers if k in AUTH_HEADERS},
            "body_bytes": request.body_bytes,
            "body_sha256": request.body_sha256,
            "json": body,
            "model": self.model,
            "script": dump(self.script),
            "status": self.status,
            "response_headers": [list(pair) for pair in self.response_headers],
            "coding": self.coding,
            "responses": [_bill(bill) for bill in self.bills],
            "billed": total(bill.usage for bill in self.bills).as_dict(),
            "reported": self.reported.as_dict() if self.reported else None,
            "events_sent": self.events_sent,
            "last_event": self.last_event,
            "terminal_sent": self.terminal_sent,
            "text_sent": self.text_sent,
            "bytes_sent": self.bytes_sent,
            "sent_sha256": self._hash.hexdigest(),
            "outcome": self.outcome,
            "error": self.error,
        }


def _bill(bill: Bill) -> dict[str, Any]:
    return {"id": bill.response_id, "model": bill.model, "usage": bill.usage.as_dict()}


@dataclass(slots=True)
class Sums:
    """Totals of one provider, host or model; a response id that is fetched twice counts once."""

    requests: int = 0
    metered: int = 0
    completed: int = 0
    billed: dict[str, Usage] = field(default_factory=dict)
    reported: dict[str, Usage] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Count a record."""
        self.requests += 1
        self.metered += record.metered
        self.completed += record.outcome == "completed"
        for bill in record.bills:
            self.billed[bill.response_id] = bill.usage
        if record.reported is not None and record.bills:
            self._report(record, record.reported)

    def _report(self, record: Record, usage: Usage) -> None:
        if len(record.bills) == 1:
            self.reported[record.bills[0].response_id] = usage
            return
        # Several bills in one body (batch results): those whose line passed, in order.
        running = ZERO
        for bill in record.bills:
            running = running + bill.usage
            if running.total <= usage.total:
                self.reported[bill.response_id] = bill.usage

    def as_dict(self) -> dict[str, Any]:
        """JSON-like data."""
        return {
            "requests": self.requests,
            "metered": self.metered,
            "completed": self.completed,
            "responses": len(self.billed),
            "billed": total(self.billed.values()).as_dict(),
            "reported": total(self.reported.values()).as_dict(),
        }


class Truth:
    """All connections and records; safe to read from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[Record] = []
        self._connections: list[Connection] = []
        self._requests = 0
        self._accepted = 0
        self._names: set[str] = set()
        self._bodies: deque[Request] = deque()
        self._body_bytes = 0

    def connected(self, peer: str, port: int, *, tls: bool) -> Connection:
        """Note an accepted connection."""
        with self._lock:
            self._accepted += 1
            found = Connection(self._accepted, peer, port, tls, time.time())
            self._connections.append(found)
            del self._connections[:-MAX_RECORDS]
            return found

    def asked_for(self, name: str) -> None:
        """Note a server name (SNI), also of a handshake that fails later."""
        with self._lock:
            self._names.add(name)

    def received(self, request: Request, provider: str, dialect: str, *, metered: bool) -> Record:
        """Note a request; the returned record is completed while it is answered."""
        with self._lock:
            self._requests += 1
            record = Record(self._requests, request, provider, dialect, metered, time.time())
            self._records.append(record)
            del self._records[:-MAX_RECORDS]
            return record

    def finish(self, record: Record, outcome: str, error: str = "") -> None:
        """Note how an answer ended; the first word holds."""
        if record.outcome == "open":
            record.outcome, record.error, record.ended_at = outcome, error, time.time()
            self._keep_body(record.request)

    def _keep_body(self, request: Request) -> None:
        """Keep a small body while there is room; others are known by their hash from now on."""
        if len(request.body) > MAX_JSON:
            request.body = b""
        self._bodies.append(request)
        self._body_bytes += len(request.body)
        while self._body_bytes > MAX_BODIES:
            oldest = self._bodies.popleft()
            self._body_bytes -= len(oldest.body)
            oldest.body = b""

    def reset(self) -> None:
        """Forget everything but the numbering."""
        with self._lock:
            self._records.clear()
            self._connections.clear()
            self._names.clear()
            self._bodies.clear()
            self._body_bytes = 0

    def records(self, since: int = 0) -> list[Record]:
        """Records with a number above ``since``."""
        with self._lock:
            return [record for record in self._records if record.number > since]

    def settled(self) -> bool:
        """Whether no answer is on its way."""
        return all(record.outcome != "open" for record in self.records())

    def connections(self) -> list[Connection]:
        """All connections."""
        with self._lock:
            return list(self._connections)

    def as_dict(self, since: int = 0) -> dict[str, Any]:
        """The whole truth as JSON-like data."""
        records = self.records(since)
        connections = self.connections()
        return {
            "requests": [record.as_dict() for record in records],
            "connections": [found.as_dict() for found in connections],
            "sni": sorted(self._names),
            "totals": totals(records),
        }


def totals(records: Iterable[Record]) -> dict[str, Any]:
    """Sums over all records, and per provider, host and model."""
    whole = Sums()
    groups: dict[str, dict[str, Sums]] = {"providers": {}, "hosts": {}, "models": {}}
    for record in records:
        whole.add(record)
        for group, key in (
            ("providers", record.provider),
            ("hosts", record.request.host),
            ("models", record.model),
        ):
            if key:
                groups[group].setdefault(key, Sums()).add(record)
    parts = {name: {k: v.as_dict() for k, v in group.items()} for name, group in groups.items()}
    return {**whole.as_dict(), **parts}
