"""Requests byte for byte as a test writes them, and what comes back."""

from __future__ import annotations

import json
import socket
from typing import Any

from tests.sidecar_egress.raw_upstream import some
from tests.sidecar_egress.rig import EXAMPLE, Rig


def read(stream: socket.socket, seconds: float = 60) -> bytes:
    """Everything until the end; after a whole response only a moment is waited for more."""
    data = b""
    try:
        stream.settimeout(seconds)
        while piece := stream.recv(65536):
            data += piece
            stream.settimeout(2 if _whole(data) else seconds)
    except OSError:  # TimeoutError is one
        pass
    return data


def _whole(data: bytes) -> bool:
    """Whether ``data`` holds at least one response to its end, as far as its head tells."""
    head, end, body = data.partition(b"\r\n\r\n")
    size = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0].strip()
    return bool(end) and size.isdigit() and len(body) >= int(size)


def one_response(stream: socket.socket) -> tuple[int, bytes]:
    """Status and body of a response with a Content-Length; the connection stays open."""
    data = b""
    while not _whole(data):
        data += some(stream)
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def exchange(rig: Rig, request: bytes, *, host: str = EXAMPLE, sni: str | None = None) -> bytes:
    with rig.tunnel(host, sni=sni) as tls:
        tls.sendall(request.replace(b"PORT", str(rig.world.tls_port).encode()))
        return read(tls)


def get(path: str = "/x", host: str = EXAMPLE, extra: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{extra}Connection: close\r\n\r\n".encode()


def code_of(reply: bytes) -> str:
    """The denial code of an answer, '' for an answer of the upstream."""
    head, _, body = reply.partition(b"\r\n\r\n")
    if b"x-botbottle-denied" not in head.lower():
        return ""
    return str(json.loads(body)["code"])


def reached(rig: Rig, settle: float = 0.2) -> list[dict[str, Any]]:
    return rig.world.requests(settle_seconds=settle)


def say(rig: Rig, request: Any) -> Any:
    """The control socket's answer to anything."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(str(rig.sidecar.folder / "control" / "control.sock"))
        data = request if isinstance(request, bytes) else json.dumps(request).encode()
        channel.sendall(data + b"\n")
        return json.loads(channel.makefile().readline())
