"""Run one random exchange through the meter and compare with the truth, token by token."""

from __future__ import annotations

import json
import random

from msgspec.structs import astuple

from botbottle.meter import Meter, Reason, identify, read_request
from botbottle.model.usage import Completeness, Exchange
from tests.meter.truth.base import Sample, Step, Truth
from tests.meter.truth.wire import CONTENT_TYPES, ENCODINGS, MAKERS, chunked, encode, render

DECLARED = {"llm.corp.example": "corp"}
ALLOWANCE = 8192  # tokens that a request which says no limit is taken to ask for
REASONS = (Reason.CLIENT_GONE, Reason.UPSTREAM_FAILED, Reason.CUT, Reason.SHUTDOWN)


class Mismatch(AssertionError):
    """The meter's rows are not the truth."""


def piece_weight(text: str) -> int:
    """Sevenths of a token as docs/metering.md defines them; written anew on purpose."""
    return sum(2 if ord(c) < 128 else 7 for c in text)


def owed_output(sample: Sample, passed: list[Step], reason: Reason) -> int:
    """AWS bills all that was generated, whoever was left to read it; nobody knows how much."""
    seen = expected_output(passed)
    in_full = sample.provider == "bedrock" and reason is not Reason.UPSTREAM_FAILED
    return max(seen, ALLOWANCE) if in_full else seen


def expected_output(passed: list[Step]) -> int:
    pieces = [p for step in passed for p in step.pieces if p]
    weight = sum(piece_weight(p) for p in pieces)
    reported = passed[-1].reported if passed else 0
    return max(reported, len(pieces), (weight + 6) // 7)


def _cut(parts: list[bytes], rng: random.Random) -> tuple[int, bytes]:
    """How many events pass, and the bytes that do (with less than half of the next event)."""
    count = rng.randint(0, len(parts) - 1)
    rest = parts[count]
    torn = rest[: rng.randint(0, (len(rest) - 6) // 2)] if len(rest) > 24 else b""
    return count, b"".join(parts[:count]) + torn


def _meter(sample: Sample, encoding: str, rng: random.Random) -> tuple[Meter, int]:
    call = identify(sample.host, sample.method, sample.path, {}, DECLARED)
    assert call is not None and call.metered, sample
    asked = {"model": "asked", "stream": sample.framing != "json", **sample.request}
    body = json.dumps(asked).encode()
    request = read_request(call, body, "", "flow-1")
    headers = {"Content-Type": rng.choice(CONTENT_TYPES[sample.framing]), **sample.headers}
    if encoding:
        headers["Content-Encoding"] = encoding
    meter = Meter(call, request, status=200, headers=headers, clock=lambda: 1.0)
    return meter, request.input_estimate


def _compare_final(rows: list[Exchange], wanted: list[tuple[str, str, Truth]]) -> None:
    got = {(r.response_id, r.model): astuple(r.tokens) for r in rows}
    want = {(i, m): t.classes() for i, m, t in wanted}
    if got != want or len(rows) != len(wanted):
        raise Mismatch(f"rows {got} but truth {want}")
    if any(r.completeness is not Completeness.FINAL for r in rows):
        raise Mismatch(f"not final: {rows}")


def _compare_partial(
    rows: list[Exchange], sample: Sample, passed: list[Step], estimate: int, reason: Reason
) -> None:
    if not sample.partial:
        if rows:
            raise Mismatch(f"rows of nothing: {rows}")
        return
    if len(rows) != 1 or rows[0].completeness is not Completeness.PARTIAL:
        raise Mismatch(f"not one partial row: {rows}")
    tokens = rows[0].tokens
    told = passed[-1].told if passed else None
    want = told.classes()[:4] if told else (estimate, 0, 0, 0)
    if astuple(tokens)[:4] != want or ("input estimated" in rows[0].note) != (told is None):
        raise Mismatch(f"partial input {rows[0]} but {want}")
    if sample.framing != "json" and tokens.output != owed_output(sample, passed, reason):
        raise Mismatch(f"partial output {tokens.output} but {owed_output(sample, passed, reason)}")


def run(seed: int) -> str:
    """One exchange; raises Mismatch. Returns what it was, for the coverage count."""
    rng = random.Random(seed)
    sample = rng.choice(MAKERS)(rng)
    encoding = rng.choice(ENCODINGS) if sample.framing != "aws" else ""
    name, parts = encode(render(sample, rng), encoding, rng)
    interrupted = rng.random() < 0.35
    count, body = _cut(parts, rng) if interrupted else (len(parts), b"".join(parts))
    meter, estimate = _meter(sample, name, rng)
    rows = [row for chunk in chunked(body, rng) for row in meter.feed(chunk)]
    reason = rng.choice(REASONS) if interrupted else Reason.COMPLETE
    rows += meter.close(reason)
    rows += meter.close(Reason.COMPLETE)  # a second end must give nothing
    passed = sample.steps[:count]
    wanted = [row for step in passed for row in step.rows]
    if wanted or not interrupted:
        _compare_final(rows, wanted)
    else:
        _compare_partial(rows, sample, passed, estimate, reason)
    if any(row.provider != sample.provider for row in rows):
        raise Mismatch(f"wrong budget: {rows}")
    return (
        f"{sample.provider}/{sample.framing}/{encoding or 'plain'}/{'cut' if interrupted else ''}"
    )
