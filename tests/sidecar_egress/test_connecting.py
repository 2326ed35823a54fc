"""An upstream that takes a connection and shakes no hands is given up; who waits learns why."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

from botbottle.model.route import Route
from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.raw_client import code_of, get, read
from tests.sidecar_egress.raw_upstream import RawUpstream
from tests.sidecar_egress.rig import EXAMPLE, until


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port on which connections are taken and nothing is said."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(listener.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
    for each in taken:
        each.close()


def test_a_handshake_that_never_ends_is_refused_in_time(inside: Inside) -> None:
    inside.sidecar.connect_timeout = 0.2
    with silent() as port:
        inside.deliver(Route(EXAMPLE, port, allow_private=True))
        with inside.tunnel(EXAMPLE, port, "http/1.1") as tls:
            tls.sendall(get(host=f"{EXAMPLE}:{port}"))
            reply = read(tls)
            assert code_of(reply) == "upstream" and reply.startswith(b"HTTP/1.1 502")


def test_one_that_is_over_may_be_followed_by_silence(inside: Inside) -> None:
    """The control: the bound is on the handshake alone."""
    inside.sidecar.connect_timeout = 0.2
    asked = threading.Event()

    def talk(stream: socket.socket, head: bytes) -> None:
        asked.wait(30)
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    with RawUpstream(inside.world.authority, EXAMPLE, talk) as far:
        inside.deliver(Route(EXAMPLE, far.port, allow_private=True))
        with inside.tunnel(EXAMPLE, far.port, "http/1.1") as tls:
            tls.sendall(get(host=f"{EXAMPLE}:{far.port}"))
            far.got(b"\r\n\r\n")
            inside.call(asyncio.sleep(1.0))
            asked.set()
            assert read(tls).endswith(b"late")
    until(lambda: not inside.sidecar.live, "the request to end")
