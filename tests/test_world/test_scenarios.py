"""Random exchanges: independent decoders, and the product's own meter, read what the truth says.

The world's encoders, the decoders here and the product's meter were written apart from each
other; all three must agree to the token.
"""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard
from msgspec.structs import asdict

from botbottle.meter import Meter, Reason, identify, read_request
from botbottle.model.usage import Completeness, Exchange
from tests.test_world.decode import (
    event_stream,
    from_chat,
    from_converse,
    from_gemini,
    from_interactions,
    from_messages,
    from_responses,
    invoke_chunks,
    messages_usage,
    sse_json,
    tokens,
)
from tests.world.app import App
from tests.world.offline import Answer, exchange
from tests.world.scenarios import SHAPES, Scenario, draw

SEEDS = 800
BLOCK = 200


def play(app: App, seed: int) -> tuple[Scenario, Answer]:
    """The exchange of a seed."""
    scene = draw(random.Random(seed))
    shape = scene.shape
    answer = exchange(
        app, "POST", shape.host, shape.target, headers=scene.headers, body=scene.body,
        **scene.behaviour,
    )  # fmt: skip
    return scene, answer


def plain(answer: Answer) -> bytes:
    """The decoded body, however many members or frames it has."""
    coding = dict(answer.headers).get("content-encoding", "identity")
    if coding == "br":
        return bytes(brotli.decompress(answer.body))
    if coding == "zstd":
        decoder = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
        return decoder.decompress(answer.body)
    if coding == "deflate":
        raw = answer.record.coding == "raw-deflate"
        return zlib.decompress(answer.body, -15 if raw else 15)
    return gunzip(answer.body) if coding == "gzip" else answer.body


def gunzip(rest: bytes) -> bytes:
    """All members of a gzip body."""
    out = b""
    while rest:
        member = zlib.decompressobj(31)
        out += member.decompress(rest)
        rest = member.unused_data
    return out


def last_usage(body: bytes) -> dict[str, Any]:
    """The last usage object of a chat stream."""
    found: dict[str, Any] = [e["usage"] for e in sse_json(body.decode()) if e.get("usage")][-1]
    return found


def ollama(value: dict[str, Any]) -> dict[str, int]:
    """Ollama's figures in disjoint classes."""
    read = value.get("prompt_eval_cached_count", 0)
    fresh = value["prompt_eval_count"] - read
    return tokens(input_uncached=fresh, cache_read=read, output=value["eval_count"])


def terminal(body: bytes) -> dict[str, Any]:
    """The usage on the last event of a Responses stream."""
    found: dict[str, Any] = sse_json(body.decode())[-1]["response"]["usage"]
    return found


READERS: dict[str, Callable[[bytes], dict[str, int]]] = {
    "messages": lambda b: from_messages(json.loads(b)["usage"]),
    "messages.sse": lambda b: messages_usage(sse_json(b.decode())),
    "vertex": lambda b: from_messages(json.loads(b)["usage"]),
    "vertex.sse": lambda b: messages_usage(sse_json(b.decode())),
    "chat": lambda b: from_chat(json.loads(b)["usage"]),
    "chat.sse": lambda b: from_chat(last_usage(b)),
    "azure.sse": lambda b: from_chat(last_usage(b)),
    "openrouter.sse": lambda b: from_chat(last_usage(b)),
    "responses": lambda b: from_responses(json.loads(b)["usage"]),
    "responses.sse": lambda b: from_responses(terminal(b)),
    "codex.sse": lambda b: from_responses(terminal(b)),
    "compact": lambda b: from_responses(json.loads(b)["usage"]),
    "gemini": lambda b: from_gemini(json.loads(b)["usageMetadata"]),
    "gemini.sse": lambda b: from_gemini(sse_json(b.decode())[-1]["usageMetadata"]),
    "gemini.array": lambda b: from_gemini(json.loads(b)[-1]["usageMetadata"]),
    "interactions": lambda b: from_interactions(json.loads(b)["usage"]),
    "interactions.sse": lambda b: from_interactions(
        sse_json(b.decode())[-1]["interaction"]["usage"]
    ),
    "invoke": lambda b: from_messages(json.loads(b)["usage"]),
    "invoke.stream": lambda b: messages_usage(invoke_chunks(b)),
    "converse": lambda b: from_converse(json.loads(b)["usage"]),
    "converse.stream": lambda b: from_converse(event_stream(b)[-1][1]["usage"]),
    "ollama": lambda b: ollama(json.loads(b)),
    "ollama.lines": lambda b: ollama(json.loads(b.rstrip(b"\n").split(b"\n")[-1])),
}


@pytest.fixture(scope="module")
def app() -> App:
    """One world without a network."""
    return App(seed=5)


@pytest.mark.parametrize("start", range(0, SEEDS, BLOCK))
def test_independent_decoders_read_what_the_truth_says(app: App, start: int) -> None:
    for seed in range(start, start + BLOCK):
        scene, answer = play(app, seed)
        record = answer.record
        if record.outcome != "completed":
            assert not answer.ended or record.outcome == "error_event", seed
            continue
        (bill,) = record.bills
        assert record.reported == bill.usage, seed
        assert READERS[scene.shape.name](plain(answer)) == bill.usage.as_dict(), seed


def metered(scene: Scenario, answer: Answer) -> list[Exchange]:
    """The rows that the product's meter writes of an answer."""
    shape = scene.shape
    call = identify(shape.host, "POST", shape.target, {}, {})
    assert call is not None
    request = read_request(call, scene.body, scene.headers.get("content-encoding", ""), "flow")
    meter = Meter(
        call, request, status=answer.status, headers=dict(answer.headers), clock=lambda: 1.0
    )
    rows = [row for piece in answer.pieces for row in meter.feed(piece)]
    return rows + meter.close(Reason.COMPLETE if answer.ended else Reason.UPSTREAM_FAILED)


@pytest.mark.parametrize("start", range(0, SEEDS, BLOCK))
def test_the_products_meter_reads_what_the_truth_says(app: App, start: int) -> None:
    for seed in range(start, start + BLOCK):
        scene, answer = play(app, seed)
        record = answer.record
        rows = metered(scene, answer)
        final = [row for row in rows if row.completeness is Completeness.FINAL]
        if record.terminal_sent:
            (row,) = final
            assert asdict(row.tokens) == record.bills[0].usage.as_dict(), (seed, row)
            assert row.provider == record.provider, seed
        elif final:  # the last figures passed, the event that ends the stream did not
            assert record.reported == record.bills[0].usage, seed
        if record.reported is not None:
            assert rows[0].tokens.input_uncached == record.reported.input_uncached, (seed, rows)


def test_the_random_exchanges_reach_everything(app: App) -> None:
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        scene, answer = play(app, seed)
        seen.update([scene.shape.name, answer.record.outcome, answer.record.coding])
        seen.update(scene.behaviour["quirks"])
    assert {shape.name for shape in SHAPES} <= set(seen)
    assert {"completed", "cut", "stalled", "error_event"} <= set(seen)
    assert {"identity", "gzip", "br", "zstd", "deflate", "raw-deflate"} <= set(seen)
    assert {quirk for shape in SHAPES for quirk in shape.quirks} <= set(seen)


def test_a_scenario_is_the_same_for_ever() -> None:
    assert draw(random.Random(42)) == draw(random.Random(42))
    assert draw(random.Random(42)) != draw(random.Random(43))


def test_two_worlds_of_one_seed_bill_alike() -> None:
    one, two = App(seed=9), App(seed=9)
    for seed in range(20):
        assert [b.usage for b in play(one, seed)[1].record.bills] == [
            b.usage for b in play(two, seed)[1].record.bills
        ]
