"""Through the real sidecar: what metering adds to each event, and how much passes after a cut.

A stream goes in step: the upstream sends an event when the client has the one before, so that an
event's delay is the sidecar's own. Metered and plain streams alternate, of the same bytes over the
same route, which names a provider once and not the other time.
"""

from __future__ import annotations

import queue
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botbottle.model.bottle import Limit
from botbottle.model.route import Auth
from tests.sidecar_egress import test_cut as cut
from tests.sidecar_egress.raw_upstream import RawUpstream
from tests.sidecar_egress.rig import ANTHROPIC, BOTTLE, EXAMPLE, Rig, until
from tests.sidecar_egress.test_metering import client
from tests.world import World

ROUNDS = 5  # of each stream
EVENTS = 400
PLENTY = 10**12
CUTS = 5  # streams of each wire format that are cut


@contextmanager
def _rig() -> Iterator[Rig]:
    with (
        World() as world,
        tempfile.TemporaryDirectory(prefix="bbm") as folder,
        Rig(Path(folder), world) as rig,
    ):
        yield rig


class _Stream:
    """One event stream in step; ``delays`` in nanoseconds, from sent to read by the client."""

    def __init__(self) -> None:
        self.delays: list[int] = []
        self._sent = 0
        self._arrived: queue.Queue[bool] = queue.Queue()

    def talk(self, stream: socket.socket, head: bytes) -> None:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.sendall(cut.HEAD)
        for number in range(EVENTS):
            data = cut.messages(number)
            framed = b"%x\r\n%b\r\n" % (len(data), data)
            self._sent = time.perf_counter_ns()
            stream.sendall(framed)
            self._arrived.get(timeout=60)
        stream.sendall(b"0\r\n\r\n")

    def read(self, rig: Rig, url: str) -> None:
        body = {"model": "m", "stream": True, "max_tokens": 64, "messages": []}
        with client(rig) as http, http.stream("POST", url, json=body, timeout=60) as answer:
            for _ in answer.iter_raw():
                self.delays.append(time.perf_counter_ns() - self._sent)
                self._arrived.put(True)
        if len(self.delays) < EVENTS:
            raise SystemExit(f"{len(self.delays)} of {EVENTS} events arrived")


def _delays(rig: Rig, host: str, provider: str) -> list[int]:
    stream = _Stream()
    with RawUpstream(rig.world.authority, host, stream.talk) as far:
        key = Auth("header", "K", "x-some-key")
        route = rig.route(host, port=far.port, auth=key, provider=provider)
        rig.configure(route, secrets={"K": "sk-real-key-000000001"})
        stream.read(rig, f"https://{host}:{far.port}/v1/messages")
    return stream.delays


def added(rig: Rig) -> dict[str, float]:
    """Microseconds an event, metered and plain."""
    rig.ledger.limit(Limit("claude", PLENTY))
    metered: list[int] = []
    plain: list[int] = []
    for _ in range(ROUNDS):
        metered += _delays(rig, ANTHROPIC, "claude")
        plain += _delays(rig, EXAMPLE, "")
    if not rig.ledger.rows():
        raise SystemExit("nothing was metered")
    middle = [statistics.median(each) / 1000 for each in (metered, plain)]
    return {
        "metered_us_p50": round(middle[0], 1),
        "plain_us_p50": round(middle[1], 1),
        "added_us_p50": round(middle[0] - middle[1], 1),
        "events": len(metered),
    }


def after_crossing(rig: Rig) -> dict[str, dict[str, int]]:
    """The most chunks beyond the one that crosses, at the client and at the upstream."""
    found = {}
    for name, case in cut.CASES.items():
        crossing, most = case.crossing(), [0, 0]
        for number in range(CUTS):
            until(lambda: not rig.ledger.reserved(), "the settlement of the stream before")
            rig.ledger.ledger.reset(
                f"bottle:{BOTTLE}", case.provider, "", by="benchmark", now=time.time()
            )
            sent, seen, was_cut = cut.stream(rig, case, cut.LIMIT)
            if not was_cut:
                raise SystemExit(f"{name}: stream {number} was not cut")
            most = [max(most[0], seen - 1 - crossing), max(most[1], sent - 1 - crossing)]
        found[name] = {"client": most[0], "upstream": most[1], "streams": CUTS}
    return found


def run() -> dict[str, Any]:
    """Both, on rigs of their own."""
    with _rig() as rig:
        figures: dict[str, Any] = {"added_delay": added(rig)}
    with _rig() as rig:
        figures["chunks_after_crossing"] = after_crossing(rig)
    return figures
