"""One engine: its address, API version and the two ways to talk to it.

Version: requests name API 1.41 (engine 20.10), the oldest version this program supports. An
engine whose oldest version is newer says so in its 400 answer, and that version is used from
then on; so negotiation costs no request of its own.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botbottle.engine import errors
from botbottle.engine.endpoint import Endpoint
from botbottle.engine.wire import Reply, Stream, UnixWire, Wire
from botbottle.errors import EngineUnreachable

if TYPE_CHECKING:
    from docker.api.client import APIClient

OLDEST_API = "1.41"
_TOO_NEW = re.compile(r"too new\. Maximum supported API version is ([\d.]+)")
_TOO_OLD = re.compile(r"too old\. Minimum supported API version is ([\d.]+)")

type Params = Mapping[str, str | Mapping[str, list[str]]]


class Connection:
    """Reading calls (`get_json`, `stream`) without the SDK on a unix socket; `client` for
    writing calls. Safe for use from several threads."""

    def __init__(self, endpoint: Endpoint, timeout: float = 30.0) -> None:
        self.endpoint = endpoint
        self.address = endpoint.url
        self.version = OLDEST_API
        self.server = ""  # "20.10.24": known after the first answer
        self.server_api = ""
        self._timeout = timeout
        self._wire: Wire | None = None
        self._client: APIClient | None = None
        self._lock = threading.Lock()

    def get_json(self, path: str, params: Params | None = None) -> Any:
        """Answer of ``GET /vVERSION/path``. Raises EngineError, EngineUnreachable, Transient."""
        return self._decoded(path, self._get(path, params or {}))

    def ask_json(self, path: str, params: Params | None = None) -> Callable[[], Any]:
        """``get_json`` in two halves: sends the request; the returned function waits for the
        answer. Both raise what ``get_json`` raises. Call it once, and soon."""
        try:
            answer = self.wire().ask(self._target(path, params or {}))
        except OSError as error:
            raise errors.from_os_error(error, self.address) from error
        return functools.partial(self._answer, path, params or {}, answer)

    def _answer(self, path: str, params: Params, answer: Callable[[], Reply]) -> Any:
        try:
            reply = answer()
        except OSError as error:
            raise errors.from_os_error(error, self.address) from error
        self._learn(reply)
        if reply.status == 400 and self._renegotiate(_message(reply.body)):
            reply = self._get(path, params)
        return self._decoded(path, reply)

    def _decoded(self, path: str, reply: Reply) -> Any:
        if reply.status >= 400:
            raise errors.from_status(reply.status, _message(reply.body), call=f"GET {path}")
        try:
            return json.loads(reply.body)
        except ValueError as error:
            raise EngineUnreachable(f"{self.address} does not answer like an engine") from error

    def stream(self, path: str, params: Params | None = None) -> Stream:
        """An open-ended answer, in chunks."""
        try:
            stream = self.wire().stream(self._target(path, params or {}))
        except OSError as error:
            raise errors.from_os_error(error, self.address) from error
        if stream.status >= 400:
            text = _message(b"".join(stream))
            stream.close()
            raise errors.from_status(stream.status, text, call=f"GET {path}")
        return stream

    def ping(self) -> str:
        """The API version in use; checks that the engine answers and is new enough."""
        self.get_json("/version")
        return self.version

    def wire(self) -> Wire:
        with self._lock:
            if self._wire is None:
                self._wire = self._make_wire()
            return self._wire

    def client(self) -> APIClient:
        """The SDK's client, pinned to the negotiated version."""
        if not self.server:
            self.ping()
        with self._lock:
            if self._client is None or self._client.api_version != self.version:
                from botbottle.engine import sdk  # the import is expensive: only to write

                self._client = sdk.client(self.endpoint, self.version, self._timeout)
            return self._client

    def close(self) -> None:
        """Close every connection; the object may be used again afterwards."""
        with self._lock:
            wire, client = self._wire, self._client
            self._wire = self._client = None
        if wire is not None:
            wire.close()
        if client is not None:
            client.close()

    def _make_wire(self) -> Wire:
        if self.endpoint.socket:
            return UnixWire(self.endpoint.socket, self._timeout)
        from botbottle.engine import sdk  # a remote engine: TLS and ssh are the SDK's business

        return sdk.SdkWire(self.endpoint, self._timeout)

    def _get(self, path: str, params: Params) -> Reply:
        for _ in range(2):
            try:
                reply = self.wire().get(self._target(path, params))
            except OSError as error:
                raise errors.from_os_error(error, self.address) from error
            self._learn(reply)
            if reply.status != 400 or not self._renegotiate(_message(reply.body)):
                return reply
        return reply

    def _target(self, path: str, params: Params) -> str:
        flat = {k: v if isinstance(v, str) else json.dumps(v) for k, v in params.items()}
        query = f"?{urlencode(flat)}" if flat else ""
        return f"/v{self.version}{path}{query}"

    def _learn(self, reply: Reply) -> None:
        product = reply.headers.get("server", "")
        if product.startswith("Docker/"):
            self.server = product.removeprefix("Docker/").split()[0].split("+")[0]
            self.server_api = reply.headers.get("api-version", "")

    def _renegotiate(self, message: str) -> bool:
        """Whether to ask again with another version; raises when the engine is too old."""
        if match := _TOO_NEW.search(message):
            raise EngineUnreachable(
                f"the Docker Engine at {self.address} is too old: API {match[1]}, needs "
                f"{OLDEST_API}",
                hint="upgrade to Docker Engine 20.10 or newer",
            )
        if match := _TOO_OLD.search(message):
            changed = match[1] != self.version
            self.version = match[1]
            return changed
        return False


def _message(body: bytes) -> str:
    try:
        data = json.loads(body)
    except ValueError:
        return body.decode(errors="replace")[:500]
    return str(data.get("message", data)) if isinstance(data, dict) else str(data)
