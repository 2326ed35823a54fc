"""Usage in the ledger equals what the upstream says it sent, token for token."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from botbottle.model.bottle import Limit
from tests.sidecar_egress.rig import ANTHROPIC, OPENAI, Rig, until

CLASSES = (
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
)


def client(rig: Rig, **extra: Any) -> httpx.Client:
    import ssl

    context = ssl.create_default_context(cafile=str(rig.sidecar.ca))
    return httpx.Client(proxy=rig.sidecar.proxy, verify=context, timeout=20, **extra)


def messages(stream: bool = True, **extra: Any) -> dict[str, Any]:
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 500,
        "stream": stream,
        "messages": [{"role": "user", "content": "hi"}],
        **extra,
    }


def responses(stream: bool = True) -> dict[str, Any]:
    return {"model": "gpt-6.1-sol", "stream": stream, "input": "hi"}


def spent(rig: Rig) -> dict[str, int]:
    return _sum(vars_of(row.tokens) for row in rig.ledger.rows())


def billed(rig: Rig) -> dict[str, int]:
    return _sum(record["billed"] for record in rig.world.requests())


def vars_of(tokens: Any) -> dict[str, int]:
    return {name: getattr(tokens, name) for name in CLASSES}


def _sum(usages: Iterable[dict[str, int]]) -> dict[str, int]:
    """Totals by class. Which of the two cache-write classes an OpenAI lifetime falls into is the
    meter's own matter and tested there; here their sum counts."""
    total = dict.fromkeys(CLASSES, 0)
    for usage in usages:
        total = {name: total[name] + usage[name] for name in CLASSES}
    total["cache_write"] = total.pop("cache_write_5m") + total.pop("cache_write_1h")
    return total


@pytest.mark.parametrize("coding", ["identity", "gzip", "br", "zstd"])
@pytest.mark.parametrize("stream", [True, False])
def test_the_ledger_equals_the_upstream(rig: Rig, coding: str, stream: bool) -> None:
    rig.world.default(encoding=coding)
    with client(rig) as http:
        first = http.post(rig.url(ANTHROPIC, "/v1/messages"), json=messages(stream))
        second = http.post(rig.url(OPENAI, "/v1/responses"), json=responses(stream))
    assert (first.status_code, second.status_code) == (200, 200)
    until(lambda: len(rig.ledger.rows()) == 2, "two rows")
    assert spent(rig) == billed(rig)
    assert spent(rig)["output"] > 0
    assert {r.provider for r in rig.ledger.rows()} == {"claude", "codex"}
    assert {r.completeness for r in rig.ledger.rows()} == {"final"}
    assert rig.ledger.reserved() == 0


def test_a_client_that_hangs_up_at_the_terminal_event_is_metered_exactly(rig: Rig) -> None:
    with (
        client(rig, http2=False) as http,
        http.stream("POST", rig.url(OPENAI, "/v1/responses"), json=responses()) as answer,
    ):
        for line in answer.iter_lines():
            if "response.completed" in line:
                break
    until(lambda: len(rig.ledger.rows()) == 1, "a row")
    assert spent(rig) == billed(rig)
    assert rig.ledger.rows()[0].completeness == "final"


def test_a_client_that_hangs_up_early_leaves_exact_input_and_a_flag(rig: Rig) -> None:
    rig.world.default(events=400, delay=0.01)
    with (
        client(rig) as http,
        http.stream("POST", rig.url(ANTHROPIC, "/v1/messages"), json=messages()) as answer,
    ):
        for number, _ in enumerate(answer.iter_lines()):
            if number > 30:
                break
    until(lambda: len(rig.ledger.rows()) == 1, "a row")
    (row,) = rig.ledger.rows()
    assert row.completeness == "partial"
    (record,) = rig.world.requests(settle_seconds=3)
    assert row.tokens.input_uncached == record["billed"]["input_uncached"]
    assert row.tokens.output > 0
    assert rig.ledger.reserved() == 0


def test_the_next_request_after_the_budget_is_refused_in_the_clients_dialect(own: Rig) -> None:
    own.ledger.limit(Limit("claude", 20_000), Limit("codex", 20_000))
    own.world.default(input_uncached=20_500)
    with client(own) as http:
        for _ in range(2):
            claude = http.post(own.url(ANTHROPIC, "/v1/messages"), json=messages(stream=False))
            codex = http.post(own.url(OPENAI, "/v1/responses"), json=responses(stream=False))
            until(lambda: len(own.ledger.rows()) == 2, "rows")
    assert claude.status_code == 402
    assert claude.json()["error"]["type"] == "billing_error"
    assert codex.status_code == 429
    assert codex.json()["error"]["code"] == "insufficient_quota"
    assert codex.headers["x-should-retry"] == "false"
    assert len(own.world.requests()) == 2, "a refused request never reaches the provider"


def test_a_stream_that_crosses_the_budget_is_cut_and_the_next_request_refused(own: Rig) -> None:
    own.ledger.limit(Limit("claude", 6_000))
    own.world.default(input_uncached=100, output=20_000, events=2000, delay=0.005)
    seen = 0
    with client(own) as http:
        with (
            pytest.raises(httpx.HTTPError),
            http.stream(
                "POST", own.url(ANTHROPIC, "/v1/messages"), json=messages(max_tokens=64)
            ) as answer,
        ):
            for line in answer.iter_lines():
                seen += line.startswith("data:")
        until(lambda: len(own.ledger.rows()) == 1, "a row")
        again = http.post(own.url(ANTHROPIC, "/v1/messages"), json=messages())
    assert 10 < seen < 1500
    assert again.status_code == 402
    (row,) = own.ledger.rows()
    assert row.completeness == "partial"
    (record,) = own.world.requests(settle_seconds=3)
    assert record["outcome"] != "completed", "the upstream was told to stop"


def test_without_a_ledger_nothing_metered_passes_but_plain_hosts_do(own: Rig) -> None:
    own.ledger.stop()
    with client(own) as http:
        until(lambda: not own.sidecar.control().status().ledger, "the sidecar to notice")
        metered = http.post(own.url(ANTHROPIC, "/v1/messages"), json=messages())
        plain = http.get(own.url("api.example.com", "/x"))
    assert metered.status_code == 503
    assert metered.json()["code"] == "no-ledger"
    assert plain.status_code == 404
    assert [r["host"] for r in own.world.requests()] == ["api.example.com"]
    own.ledger.start()
    until(lambda: own.sidecar.control().status().ledger, "the ledger to come back")
    with client(own) as http:
        assert http.post(own.url(ANTHROPIC, "/v1/messages"), json=messages()).status_code == 200


def test_counting_tokens_is_not_spend(rig: Rig) -> None:
    with client(rig) as http:
        counted = http.post(rig.url(ANTHROPIC, "/v1/messages/count_tokens"), json=messages())
    assert counted.status_code == 200
    assert json.loads(counted.content)["input_tokens"] > 0
    assert rig.ledger.rows() == []
