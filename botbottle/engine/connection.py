"""One engine: its address, its API version and the ways to talk to it.

Version: requests name API 1.41 (engine 20.10), the oldest version this program supports. An
engine whose oldest version is newer says so in its 400 answer, and that version is used from
then on; so negotiation costs no request of its own. Several requests may be under way when the
first refusal is read, so each is judged by the version that it was sent with.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from botbottle.engine import errors
from botbottle.engine.endpoint import Endpoint
from botbottle.engine.wire import Reply, Stream, UnixWire, Wire
from botbottle.errors import EngineUnreachable

if TYPE_CHECKING:
    from docker.api.client import APIClient

    from botbottle.engine.writing import Body, Raw, Writer

OLDEST_API = "1.41"
_TOO_NEW = re.compile(r"too new\. Maximum supported API version is (\d+\.\d+)")
_TOO_OLD = re.compile(r"too old\. Minimum supported API version is (\d+\.\d+)")
LONG = 600.0  # seconds beyond the usual time, for calls that move a container's or image's bytes
_TRIES = 2  # a request is asked again once, with the version that the refusal names

type Params = Mapping[str, str | Mapping[str, list[str]]]


class Connection:
    """Reading (`get_json`, `stream`) and writing calls (`write`, `converse`), on a unix socket
    without the SDK; `client` for what only the SDK does. Safe for use from several threads."""

    def __init__(self, endpoint: Endpoint, timeout: float = 30.0) -> None:
        self.endpoint = endpoint
        self.address = endpoint.url
        self.version = OLDEST_API
        self.server = ""  # "20.10.24": known after the first answer
        self.server_api = ""
        self._timeout = timeout
        self._wire: Wire | None = None
        self._writer: Writer | None = None
        self._client: APIClient | None = None
        self._lock = threading.Lock()

    def get_json(self, path: str, params: Params | None = None) -> Any:
        """Answer of ``GET /vVERSION/path``. Raises EngineError, EngineUnreachable, Transient."""
        return self._decoded(path, self._get(path, params or {}))

    def ask_json(self, path: str, params: Params | None = None) -> Callable[[], Any]:
        """``get_json`` in two halves: sends the request; the returned function waits for the
        answer. Both raise what ``get_json`` raises. Call it once, and soon."""
        sent, asked = self.version, params or {}
        try:
            answer = self.wire().ask(_target(sent, path, asked))
        except OSError as error:
            raise errors.from_os_error(error, self.address) from error
        return functools.partial(self._answer, path, asked, answer, sent)

    def _answer(self, path: str, params: Params, answer: Callable[[], Reply], sent: str) -> Any:
        try:
            reply = answer()
        except OSError as error:
            raise errors.from_os_error(error, self.address) from error
        if reply.status == 400 and self._outdated(sent, _message(reply.body)):
            reply = self._get(path, params)
        self._learn(reply)
        return self._decoded(path, reply)

    def _decoded(self, path: str, reply: Reply) -> Any:
        if reply.status >= 400:
            raise errors.from_status(reply.status, _message(reply.body), call=f"GET {path}")
        try:
            return _parsed(reply.body)
        except ValueError as error:
            raise EngineUnreachable(f"{self.address} does not answer like an engine") from error

    def stream(self, path: str, params: Params | None = None, patience: float = 0.0) -> Stream:
        """An open-ended answer, in chunks. ``patience``: seconds that the engine may take beyond
        the usual time until it begins. Raises as ``get_json`` does."""
        for _ in range(_TRIES):
            sent = self.version
            try:
                stream = self.wire().stream(_target(sent, path, params or {}), patience)
                if stream.status < 400:
                    return stream
                with contextlib.closing(stream):
                    text = _message(b"".join(stream))
            except OSError as error:
                raise errors.from_os_error(error, self.address) from error
            if stream.status != 400 or not self._outdated(sent, text):
                break
        raise errors.from_status(stream.status, text, call=f"GET {path}")

    def write(
        self,
        method: str,
        path: str,
        body: Body = None,
        params: Params | None = None,
        *,
        call: str,
        patience: float = 0.0,
    ) -> dict[str, Any]:
        """The JSON object that a writing request is answered with; empty without one. ``call``
        names it in errors; ``patience``: seconds that the engine may take beyond the usual time.
        Sent once, and once more only to an engine that refused its version. Raises EngineError,
        EngineUnreachable, Transient."""
        for _ in range(_TRIES):
            sent = self._settled()
            target = _target(sent, path, params or {})
            try:
                reply = self.writer().send(method, target, body, patience)
            except OSError as error:
                raise errors.from_os_error(error, self.address) from error
            if reply.status != 400 or not self._outdated(sent, _message(reply.body)):
                break
        if reply.status >= 400:
            raise errors.from_status(reply.status, _message(reply.body), call=call)
        return _object(reply.body)

    def converse(self, path: str, body: Body, *, call: str) -> Raw:
        """A ``POST`` whose connection becomes a raw stream (Engine API, "hijacking"). The caller
        closes it. Raises as ``write`` does, and EngineError where half of a stream cannot be
        closed (TLS, ssh)."""
        try:
            raw = self.writer().upgrade(_target(self._settled(), path, {}), body)
        except OSError as error:
            raise errors.from_os_error(error, self.address) from error
        if isinstance(raw, Reply):
            raise errors.from_status(raw.status, _message(raw.body), call=call)
        return raw

    def ping(self) -> str:
        """The API version in use; checks that the engine answers and is new enough."""
        self.get_json("/version")
        return self.version

    def wire(self) -> Wire:
        with self._lock:
            if self._wire is None:
                self._wire = self._make_wire()
            return self._wire

    def writer(self) -> Writer:
        with self._lock:
            if self._writer is None:
                self._writer = self._make_writer()
            return self._writer

    def client(self) -> APIClient:
        """The SDK's client, pinned to the negotiated version."""
        self._settled()
        with self._lock:
            if self._client is None or self._client.api_version != self.version:
                from botbottle.engine import sdk  # the import is expensive

                self._client = sdk.client(self.endpoint, self.version, self._timeout)
            return self._client

    def close(self) -> None:
        """Close every connection; the object may be used again afterwards."""
        with self._lock:
            wire, writer, client = self._wire, self._writer, self._client
            self._wire = self._writer = self._client = None
        for part in (wire, writer):
            if part is not None:
                part.close()
        if client is not None:
            client.close()

    def _make_wire(self) -> Wire:
        if self.endpoint.socket:
            return UnixWire(self.endpoint.socket, self._timeout)
        from botbottle.engine import sdk  # a remote engine: TLS and ssh are the SDK's business

        return sdk.SdkWire(self.endpoint, self._timeout)

    def _make_writer(self) -> Writer:
        if self.endpoint.socket:
            from botbottle.engine.writing import UnixWriter  # a plan never writes

            return UnixWriter(self.endpoint.socket, self._timeout)
        from botbottle.engine import sdk

        return sdk.SdkWriter(self.endpoint, self._timeout)

    def _settled(self) -> str:
        """The version that the engine speaks: found out by reading, before the first write."""
        if not self.server:
            self.ping()
        return self.version

    def _get(self, path: str, params: Params) -> Reply:
        for _ in range(_TRIES):
            sent = self.version
            try:
                reply = self.wire().get(_target(sent, path, params))
            except OSError as error:
                raise errors.from_os_error(error, self.address) from error
            if reply.status != 400 or not self._outdated(sent, _message(reply.body)):
                break
        self._learn(reply)
        return reply

    def _learn(self, reply: Reply) -> None:
        product = reply.headers.get("server", "")
        if product.startswith("Docker/"):
            self.server = product.removeprefix("Docker/").split()[0].split("+")[0]
            self.server_api = reply.headers.get("api-version", "")

    def _outdated(self, sent: str, message: str) -> bool:
        """Whether a request that was sent with the version ``sent`` is to be asked again with
        ``version``, which the refusal may move. Raises when the engine is too old."""
        if match := _TOO_NEW.search(message):
            if sent == OLDEST_API:
                raise EngineUnreachable(
                    f"the Docker Engine at {self.address} is too old: API {match[1]}, needs "
                    f"{OLDEST_API}",
                    hint="upgrade to Docker Engine 20.10 or newer",
                )
            self.version = OLDEST_API  # the engine was replaced by an older one
        elif match := _TOO_OLD.search(message):
            self.version = match[1]
        return self.version != sent


def _parsed(body: bytes) -> Any:
    """Raises ValueError. What no engine sends (half a surrogate pair, a byte order mark) is left
    to the slower and more patient parser."""
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise ValueError("the answer is nested too deeply") from error
    except ValueError:
        return json.loads(body)


def _target(version: str, path: str, params: Params) -> str:
    flat = {k: v if isinstance(v, str) else json.dumps(v) for k, v in params.items()}
    return f"/v{version}{path}{_query(flat)}"


def _query(flat: Mapping[str, str]) -> str:
    if all(f"{k}{v}".isalnum() and f"{k}{v}".isascii() for k, v in flat.items()):
        text = "&".join(f"{k}={v}" for k, v in flat.items())
    else:
        from urllib.parse import urlencode  # a no-op plan asks for nothing that needs it

        text = urlencode(flat)
    return f"?{text}" if text else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body) if body.strip() else {}
    except (
        ValueError,
        RecursionError,
    ):  # some writing calls are answered with a text that says nothing
        return {}
    return data if isinstance(data, dict) else {}


def _message(body: bytes) -> str:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")[:500]
    return str(data.get("message", data)) if isinstance(data, dict) else str(data)
