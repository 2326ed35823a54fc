"""Latency and throughput of the whole scan, its parts, and hostile bodies."""

from __future__ import annotations

import base64
import random
import resource
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hyperscan

from benchmarks.dlp.corpora import body
from botbottle.dlp import CompiledRules, Scanner

_ALNUM = string.ascii_letters + string.digits
HOSTILE = {
    "key=": b"key=",
    "api_key = ": b'api_key = "',
    "eyJ": b"eyJ",
    "pem headers": b"-----BEGIN PRIVATE KEY-----\n",
    "urls with passwords": b"https://user:pass1234@host.test/",
    "percent": b"%41%42",
    "entities": b"&#65;&#66;",
    "uuid": b"123e4567-e89b-12d3-a456-426614174000 ",
    "hex": b"0123456789abcdef",
    "base64 words": b"QWxhZGRpbjpvcGVuIHNlc2FtZQ0123456789ABCDEFGH ",
    "names": b"AbcdefghijklmnopqrstuvwxyzAbcdefghijklmnopqrst ",
}
CODES = {
    "random base64 words": base64.b64encode,
    "random base32 words": base64.b32encode,
    "random hex words": base64.b16encode,
    "base64 of base64 of base64": lambda b: base64.b64encode(base64.b64encode(base64.b64encode(b))),
}


def secrets(count: int) -> dict[str, bytes]:
    """Token-shaped random values."""
    rng = random.Random(7)
    heads = ("ghp" + "_", "sk-ant-api03-", "", "xoxb" + "-", "glpat" + "-")
    return {
        f"S{i}": (heads[i % 5] + "".join(rng.choices(_ALNUM, k=36))).encode() for i in range(count)
    }


def timed(call: Callable[[], object], runs: int) -> dict[str, float]:
    """p50, p99, minimum and maximum in milliseconds. Of fewer than 100 runs p99 is the maximum."""
    call()
    took = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        took.append((time.perf_counter() - started) * 1e3)
    took.sort()
    return {
        "p50_ms": round(statistics.median(took), 4),
        "p99_ms": round(took[int(len(took) * 0.99)], 4),
        "min_ms": round(took[0], 4),
        "max_ms": round(took[-1], 4),
    }


def latency(scan: Scanner, quick: bool) -> dict[str, Any]:
    """The whole scan (rules and secrets, decode passes included) and its parts by body size."""
    out: dict[str, Any] = {}
    for name, size, runs in (("4KB", 4096, 2000), ("64KB", 65536, 400), ("1MB", 1_000_000, 600)):
        data = body(size, 1)
        count = runs // 10 if quick else runs
        out[name] = {
            "scan": timed(lambda data=data: scan.scan(data), count),
            "rules": timed(lambda data=data: scan.rules.matcher.find(data, 2048), count),
            "secrets": timed(lambda data=data: scan.known.find(data, 2048), count),
        }
        out[name]["megabytes_per_second"] = round(size / 1e3 / out[name]["scan"]["min_ms"], 1)
    return out


def one_literal() -> dict[str, float]:
    """Hyperscan's own limit here: a single literal over 1 MB."""
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=[b"Zq7Kw2Lm9Xv4"], ids=[0], elements=1, flags=[0])
    data = body(1_000_000, 1)
    return timed(lambda: database.scan(data, match_event_handler=lambda *_: None), 200)


def hostile(scan: Scanner) -> dict[str, Any]:
    """Milliseconds of wall and of CPU for one megabyte of each hostile text; aim: 30 of CPU."""
    out = {}
    rng = random.Random(3)
    texts = {name: unit * (1_000_000 // len(unit)) for name, unit in HOSTILE.items()}
    for name, encode in CODES.items():
        texts[name] = b" ".join(encode(rng.randbytes(40)) for _ in range(20_000))[:1_000_000]
    for name, data in texts.items():
        found = scan.scan(data)
        cpu = min(_cpu(lambda data=data: scan.scan(data)) for _ in range(5))
        wall = timed(lambda data=data: scan.scan(data), 5)
        out[name] = {**wall, "cpu_ms": cpu, "findings": len(found)}
    return out


def _cpu(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return round((time.process_time() - started) * 1e3, 2)


def start() -> dict[str, float]:
    """Cold compile, load from the prepared database, and rebuild for new secrets (ms)."""
    with tempfile.TemporaryDirectory() as where:
        cold = _once(lambda: CompiledRules.build(cache=Path(where)))
        load = min(_once(lambda: CompiledRules.build(cache=Path(where))) for _ in range(5))
    rules = CompiledRules.build()
    five = min(_once(lambda: Scanner(secrets(5), key=b"k", rules=rules)) for _ in range(3))
    hundred = min(_once(lambda: Scanner(secrets(100), key=b"k", rules=rules)) for _ in range(3))
    return {"compile_ms": cold, "load_ms": load, "5_secrets_ms": five, "100_secrets_ms": hundred}


def resident() -> float:
    """Megabytes of this process that are in memory now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _once(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return round((time.perf_counter() - started) * 1e3, 1)


def started() -> tuple[Scanner, float, float]:
    """A scanner for 100 secrets as a sidecar makes it, whose image has the rules prepared; MB that
    the process grew by at most, and that it keeps."""
    with tempfile.TemporaryDirectory() as where:
        command = [sys.executable, "-m", "botbottle.dlp.compile", where]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120)
        before, at_first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, resident()
        rules = CompiledRules.build(cache=Path(where))
        scan = Scanner(secrets(100), key=b"k", rules=rules)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e6
    return scan, grown, resident() - at_first


def run(quick: bool) -> dict[str, Any]:
    """Everything here."""
    scan, memory, kept = started()
    return {
        "secrets": 100,
        "latency": latency(scan, quick),
        "one_literal_1MB": one_literal(),
        "hostile_1MB": hostile(scan),
        "start": start(),
        "memory_growth_mb": round(memory, 1),
        "memory_kept_mb": round(kept, 1),
    }
