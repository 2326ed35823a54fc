"""The docker SDK: what streams, and every call to an engine that is not on a unix socket.

Imported only when needed (the import costs more than a whole no-op plan).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import docker.errors
import requests
from docker.api.client import APIClient
from docker.tls import TLSConfig
from docker.types import CancellableStream
from urllib3.exceptions import HTTPError

from botbottle.engine import errors
from botbottle.engine.endpoint import Endpoint
from botbottle.engine.wire import Reply
from botbottle.engine.writing import Body, Raw, encoded
from botbottle.errors import BBError, EngineError, EngineUnreachable

if TYPE_CHECKING:
    from botbottle.engine.wire import Stream

_THREADS = 4  # for requests whose answers are read later
_POOL = 16  # kept connections; more than the executor has threads


def client(endpoint: Endpoint, version: str, timeout: float) -> APIClient:
    """A low-level client pinned to an API ``version``; ``timeout`` in seconds a read."""
    try:
        made = APIClient(
            base_url=endpoint.url,
            version=version,
            timeout=int(timeout),
            tls=_tls(endpoint),
            use_ssh_client=True,
            max_pool_size=_POOL,
        )
        # Else requests lets REQUESTS_CA_BUNDLE replace the engine's own CA, and adds credentials
        # from ~/.netrc and a proxy.
        made.trust_env = False
        return made
    except docker.errors.DockerException as error:
        hint = errors.TLS_HINT if endpoint.tls else errors.START_HINT
        raise EngineUnreachable(f"{endpoint.url}: {error}", hint=hint) from error


def _tls(endpoint: Endpoint) -> TLSConfig | bool:
    tls = endpoint.tls
    if tls is None:
        return False
    pair = (tls.cert, tls.key) if tls.cert and tls.key else None
    return TLSConfig(client_cert=pair, ca_cert=tls.ca or None, verify=tls.verify)


def checked(answer: requests.Response) -> None:
    """Raises docker.errors.APIError for a refusal."""
    try:
        answer.raise_for_status()
    except requests.exceptions.HTTPError as error:
        docker.errors.create_api_error_from_http_exception(error)


@contextmanager
def translated(call: str, address: str) -> Iterator[None]:
    """Turn the SDK's and requests' exceptions into ours. ``call`` names the operation."""
    try:
        yield
    except docker.errors.APIError as error:
        status = error.status_code or 500
        raise errors.from_status(status, _explanation(error), call=call) from None
    except requests.exceptions.SSLError as error:
        raise EngineUnreachable(f"TLS with {address} failed", hint=errors.TLS_HINT) from error
    except requests.exceptions.Timeout as error:
        raise errors.from_os_error(TimeoutError(), address) from error
    except requests.exceptions.RequestException as error:
        raise errors.from_os_error(_os_error(error), address) from error
    except OSError as error:
        raise errors.from_os_error(error, address) from error
    except docker.errors.DockerException as error:
        raise BBError(f"{call}: {error}", code="BB8000") from error


def _explanation(error: docker.errors.APIError) -> str:
    return str(error.explanation or error)


def _os_error(error: BaseException) -> OSError:
    """The operating system's error below a chain of requests and urllib3 wrappers."""
    seen: list[BaseException] = []
    todo: list[Any] = [error]
    while todo and len(seen) < 20:
        current = todo.pop(0)
        if not isinstance(current, BaseException) or current in seen:
            continue
        if isinstance(current, OSError) and not isinstance(current, requests.RequestException):
            return current
        seen.append(current)
        reason = getattr(current, "reason", None)
        todo += [*current.args, reason, current.__cause__, current.__context__]
    return ConnectionError(str(error))


class SdkWire:
    """GET requests over the SDK's transport, for tcp, TLS and ssh engines."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self._client = client(endpoint, "1.41", timeout)
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="bb-ask")

    def get(self, target: str) -> Reply:
        """One GET; raises OSError when the connection fails."""
        return _reply(self._send(target, stream=False))

    def ask(self, target: str) -> Callable[[], Reply]:
        """One GET in another thread; the returned function waits for it."""
        return self._threads.submit(self.get, target).result

    def stream(self, target: str, patience: float = 0.0) -> Stream:
        """An answer read as it comes, without a read timeout."""
        return _SdkStream(self._send(target, stream=True))

    def close(self) -> None:
        """Close all connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _send(self, target: str, *, stream: bool) -> requests.Response:
        timeout = (self._timeout, None if stream else self._timeout)
        with _plain_errors():
            return self._client.request(
                "GET", self._client.base_url + target, timeout=timeout, stream=stream
            )


class SdkWriter:
    """Writing requests over the SDK's transport. Closed by closing the client."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self._client = client(endpoint, "1.41", timeout)
        self._timeout = timeout

    def send(self, method: str, target: str, body: Body, patience: float = 0.0) -> Reply:
        """See ``Writer``."""
        return _reply(self._request(method, target, body, {}, patience, stream=False))

    def upgrade(self, target: str, body: Body) -> Raw | Reply:
        """See ``Writer``."""
        asked = {"Connection": "Upgrade", "Upgrade": "tcp"}
        answer = self._request("POST", target, body, asked, 0.0, stream=True)
        if answer.status_code >= 400:
            return _reply(answer)
        # The SDK's own exec_start uses this; its public calls read ahead or hide the socket.
        raw = self._client._get_raw_response_socket(answer)  # type: ignore[attr-defined]
        inner = getattr(raw, "_sock", raw)  # SocketIO wraps the socket

        def close() -> None:
            """The answer first: it would complain about its socket when it is collected later."""
            answer.close()
            raw.close()

        if type(inner) is socket.socket:
            return Raw(channel=inner, close=close)
        close()
        raise EngineError(
            "programs cannot be run over TLS or ssh: neither lets us end the input",
            hint="run bb on the engine's machine",
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _request(
        self, method: str, target: str, body: Body, headers: dict[str, str], patience: float, *,
        stream: bool,
    ) -> requests.Response:  # fmt: skip
        data, kind = encoded(body)
        headers |= {"Content-Type": kind} if kind else {}
        with _plain_errors():
            return self._client.request(
                method, self._client.base_url + target, data=data, headers=headers,
                timeout=(self._timeout, self._timeout + patience), stream=stream,
            )  # fmt: skip


def _reply(response: requests.Response) -> Reply:
    headers = {k.lower(): v for k, v in response.headers.items()}
    return Reply(response.status_code, headers, response.content)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """The operating system's errors instead of requests'."""
    try:
        yield
    except requests.exceptions.Timeout as error:
        raise TimeoutError(str(error)) from error
    except requests.exceptions.RequestException as error:
        raise _os_error(error) from error


class _SdkStream:
    """A streamed answer of requests."""

    def __init__(self, response: requests.Response) -> None:
        self.status = response.status_code
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.raw.stream(4096, decode_content=False)
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # urllib3 raises the last two when close() pulls the socket away below it
            raise ConnectionError(str(error)) from error

    def close(self) -> None:
        """Shut the socket down; closing the response would wait for the thread that reads it."""
        CancellableStream(iter(()), self._response).close()
