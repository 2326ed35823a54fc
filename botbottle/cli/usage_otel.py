"""``bb usage --format otel``: the ledger's sums as OpenTelemetry metrics, OTLP in JSON, on stdout.

Nothing is sent. Names follow the GenAI semantic conventions (status: development), the family
``gen_ai.client.inference.usage.*``: one monotonic counter a class, where ``cache_read``,
``cache_write`` and ``reasoning`` are parts of ``input_tokens`` and ``output_tokens``. Encoding:
OTLP/JSON, so 64-bit numbers are text and enumerations are numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from botbottle.ledger.records import UsageRow
from botbottle.model.usage import Tokens

PREFIX = "gen_ai.client.inference.usage."
CUMULATIVE = 2  # AGGREGATION_TEMPORALITY_CUMULATIVE
EXCHANGES = "botbottle.usage.exchanges"

# Budget keys under the conventions' well-known names; other keys are given as they are.
PROVIDERS = {
    "claude": "anthropic",
    "codex": "openai",
    "gemini": "gcp.gen_ai",  # the key does not tell Gemini and Vertex apart
    "bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
}

COUNTERS: tuple[tuple[str, str, Callable[[Tokens], int]], ...] = (
    (
        "input_tokens",
        "Input tokens used, including cached ones.",
        lambda t: t.input_uncached + t.cache_read + t.cache_write_5m + t.cache_write_1h,
    ),
    ("output_tokens", "Output tokens used, including reasoning.", lambda t: t.output),
    ("cache_read.input_tokens", "Input tokens read from a cache.", lambda t: t.cache_read),
    (
        "cache_write.input_tokens",
        "Input tokens written to a cache.",
        lambda t: t.cache_write_5m + t.cache_write_1h,
    ),
    ("reasoning.output_tokens", "Output tokens used for reasoning.", lambda t: t.reasoning),
)


def document(rows: Sequence[UsageRow], *, start: float, now: float, version: str) -> dict[str, Any]:
    """An ``ExportMetricsServiceRequest``; ``rows`` have the keys account, agent, provider and
    model, times are epoch seconds."""
    times = {"startTimeUnixNano": _nano(min(start, now)), "timeUnixNano": _nano(now)}
    metrics = [
        _counter(
            PREFIX + name,
            "{token}",
            text,
            [
                {"attributes": _attributes(row, tokens=True), **times, "asInt": str(of(row.tokens))}
                for row in rows
            ],
        )
        for name, text, of in COUNTERS
    ]
    metrics.append(
        _counter(EXCHANGES, "{exchange}", "Exchanges by how their usage is known.", [
            {
                "attributes": [
                    *_attributes(row, tokens=False), _text("botbottle.completeness", kind)
                ],
                **times,
                "asInt": str(count),
            }
            for row in rows
            for kind, count in _kinds(row)
        ])
    )  # fmt: skip
    scope = {"name": "botbottle", "version": version}
    resource = {"attributes": [_text("service.name", "botbottle")]}
    scopes = [{"scope": scope, "metrics": metrics}]
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": scopes}]}


def _counter(name: str, unit: str, text: str, points: list[dict[str, Any]]) -> dict[str, Any]:
    total = {"aggregationTemporality": CUMULATIVE, "isMonotonic": True, "dataPoints": points}
    return {"name": name, "description": text, "unit": unit, "sum": total}


def _attributes(row: UsageRow, *, tokens: bool) -> list[dict[str, Any]]:
    account, agent, key, model = row.keys
    found = {
        # The sums do not keep apart chat, embeddings and others, nor text, images and sound.
        "gen_ai.operation.name": "inference",
        "gen_ai.provider.name": PROVIDERS.get(key, key),
        "gen_ai.response.model": model,
        "botbottle.account": account,
        "botbottle.agent": agent,
        "botbottle.budget.key": key,
    }
    if tokens:
        found["gen_ai.token.modality"] = "unknown"
    return [_text(name, value) for name, value in found.items() if value]


def _kinds(row: UsageRow) -> tuple[tuple[str, int], ...]:
    final = row.requests - row.partial - row.estimated
    return ("final", final), ("partial", row.partial), ("estimated", row.estimated)


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


def _nano(seconds: float) -> str:
    return str(int(seconds) * 10**9)
