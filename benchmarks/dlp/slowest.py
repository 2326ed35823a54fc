"""A search for the megabyte that costs the scanner most, led by the cost of what was tried so far.

Texts are pieces that triggers, rules and decoders react to, repeated, with up to three encodings
around each or around all of it. Hypothesis mutates towards what took more of the processor's time;
the scanner works under its usual bounds, so the answer also says how well its bound of time holds.
"""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings, target
from hypothesis import strategies as st

from benchmarks.dlp.speed import HOSTILE, secrets
from botbottle.dlp import Scanner

SIZE = 1_000_000
EXAMPLES, QUICK = 120, 30
KEPT = 8
_RNG = random.Random(6)
PIECES = (
    *HOSTILE.values(),
    b"key",
    b"secret_key_token_",
    b"AKIA" + b"AB" * 8,
    b"ghp_" + b"a1" * 18,
    b"xoxb-abcdefgh-abcdefgh",
    b"0x" + b"ab" * 32,
    b"aws_secret = ",
    b"\\u0041\\u0042",
    b" eJwDAAAAAAEAAAAAAAAAAAAAAA",
    b"\x1f\x8b\x08\x00",
    base64.b64encode(_RNG.randbytes(40)),
    base64.b32encode(_RNG.randbytes(40)),
    b"\\\\n",
    b'","',
    b" ",
    b"\n",
)
LAYERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "hex": lambda data: data.hex().encode(),
    "base32": base64.b32encode,
    "percent": lambda data: b"".join(b"%%%02X" % byte for byte in data),
}


def run(quick: bool) -> list[dict[str, Any]]:
    """The dearest texts that were met, dearest first: milliseconds of CPU and how they are made."""
    scanner = Scanner(secrets(100), key=b"k")
    met: dict[str, float] = {}

    @settings(
        max_examples=QUICK if quick else EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.target],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=4),
        layers=st.lists(st.sampled_from(sorted(LAYERS)), max_size=3),
        each=st.booleans(),
    )
    def search(pieces: list[bytes], layers: list[str], each: bool) -> None:
        name = f"{b' + '.join(pieces)[:120]!r} in {layers}{' each' if each else ''}"
        met[name] = _cpu_ms(scanner, _text(pieces, layers, each))
        target(met[name])

    search()
    dearest = sorted(met.items(), key=lambda item: -item[1])[:KEPT]
    return [{"cpu_ms": round(cost, 1), "text": name} for name, cost in dearest]


def _text(pieces: list[bytes], layers: list[str], each: bool) -> bytes:
    unit = b"".join(pieces)
    if each:
        unit = _wrapped(unit, layers) + b" "
    text = (unit * (SIZE // len(unit) + 1))[:SIZE]
    return text if each else _wrapped(text, layers)[:SIZE]


def _wrapped(data: bytes, layers: list[str]) -> bytes:
    for name in layers:
        data = LAYERS[name](data)
    return data


def _cpu_ms(scanner: Scanner, text: bytes) -> float:
    started = time.process_time()
    scanner.scan(text)
    return (time.process_time() - started) * 1e3
