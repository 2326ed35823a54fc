"""Metrics over HTTP, on a loopback address only.

``GET /metrics`` and nothing else. The Host header must name a loopback address, so that no page in
a browser on this machine can read the metrics under a name of its own (DNS rebinding).
"""

from __future__ import annotations

import http.server
import ipaddress
import socket
import threading
from collections.abc import Callable

from botbottle.errors import UsageError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = 5.0  # for one request
CLIENTS = 8  # requests at the same time


def address_of(text: str) -> tuple[str, int]:
    """``[HOST:]PORT`` as host and port. Raises UsageError for anything but a loopback address."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]") or "127.0.0.1"
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise UsageError(f"--metrics {text}: not [HOST:]PORT")
    if not is_loopback(host):
        raise UsageError(
            f"--metrics {text}: only a loopback address is served",
            hint="bb watch --metrics 127.0.0.1:9464; put a proxy with a login in front of it",
        )
    return ("127.0.0.1" if host == "localhost" else host), int(port)


def is_loopback(host: str) -> bool:
    """``localhost`` or an address of the loopback network; nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class MetricsServer:
    """Serves until ``close``. ``port`` is the one in use (0 asked for any)."""

    def __init__(self, host: str, port: int, text: Callable[[], str]) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server = type("Server", (_Server,), {"address_family": family})
        try:
            self._server: _Server = server((host, port), _handler(text))
        except OSError as error:
            raise UsageError(f"--metrics {host}:{port}: {error.strerror}") from error
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.2,), name="bb-watch-metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(http.server.ThreadingHTTPServer):
    """At most CLIENTS at a time; one more is closed at once."""

    daemon_threads = True
    _room = threading.BoundedSemaphore(CLIENTS)

    def process_request(self, request: object, client_address: object) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)  # type: ignore[arg-type]  # as the base class passes it
            return
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def process_request_thread(self, request: object, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._room.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


def _handler(text: Callable[[], str]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = SECONDS
        server_version, sys_version = "bb", ""

        def do_GET(self) -> None:  # the base class's name
            host = self.headers.get("Host", "")
            if not is_loopback(_name_of(host)):
                self.send_error(403)
            elif self.path != "/metrics":
                self.send_error(404)
            else:
                self._answer(text().encode())

        def _answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Scrapes are not logged."""

    return Handler


def _name_of(host: str) -> str:
    """The Host header without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host
