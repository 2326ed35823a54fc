"""Metering on real bottles: wire formats, declared hosts, pools of every scope, early ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_real_agents import ledger, sent
from tests.support.live import Live, docker, eventually

AGENT = Path(__file__).parent.parent / "support/metering_client.cjs"
# Classes that are not scripted are drawn, and a request does not foretell what is drawn.
NO_CACHE = {"cache_read": 0, "cache_write_5m": 0, "cache_write_1h": 0}
MAX_TOKENS = 1024  # of output, as the test client asks for: a cut stream is booked with no more
SCOPES = ("agent:home/web", "bottle:base", "bottle:root", "global")


def act(live: Live, kind: str, argument: str, **script: Any) -> dict[str, Any]:
    """One run of the second test client inside the bottle."""
    text = docker(
        "exec", "-i", live.container(), "node", "-", kind, argument, json.dumps(script),
        stdin=AGENT.read_text(),
    )  # fmt: skip
    return json.loads(text.splitlines()[-1])


def rows(live: Live, by: str = "provider") -> dict[str, dict[str, Any]]:
    return {r[by]: r for r in live.json("usage", "--by", by)["rows"]}


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_compressed_stream_can_be_read_and_is_counted_exactly(running: Live, coding: str) -> None:
    """Its route has a credential, so it passes decoded (docs/egress.md)."""
    answer = act(running, "coded", coding, encoding=coding, output=777, events=20)
    assert answer["status"] == 200 and answer["bytes"] > 0
    assert (answer["coding"], answer["ended"]) == ("", True), "what the client gets it can read"
    assert ledger(running) == sent(running) and ledger(running)["output"] == 777
    assert rows(running)["claude"]["partial"] == rows(running)["claude"]["estimated"] == 0


def test_responses_over_a_websocket_are_counted_each_and_refused_when_the_pool_is_spent(
    live: Live,
) -> None:
    live.bottle(template="codex")
    live.agent(extra="budget: {codex: 6000}\n")
    live.apply()
    answer = act(live, "ws", "2", output=700, input_uncached=40)
    assert (answer["status"], answer["completed"], answer["errors"]) == (101, 2, [])
    assert ledger(live) == sent(live) and ledger(live)["output"] == 1400
    assert rows(live)["codex"]["requests"] == 2
    live.bb("budget", "set", "agent:home/web", "codex", "1")
    arrived = len(live.internet.requests("api.openai.com"))
    refused = act(live, "ws", "1", output=700)
    assert refused["completed"] == 0
    assert "usage_limit_reached" in json.dumps(refused["errors"]) or refused["status"] == 429
    created = [r for r in live.internet.requests("api.openai.com")[arrived:] if r["metered"]]
    assert created == [], "a refused frame went out"


def test_a_declared_host_is_metered_under_its_name_and_refused_when_its_budget_is_gone(
    live: Live,
) -> None:
    live.settings("providers: {corp: {hosts: [api.example.org]}}\n")
    live.bottle(extra="egress: {routes: [{host: api.example.org}]}\n")
    live.agent(extra="budget: {corp: 2000}\n")
    live.apply()
    url = "https://api.example.org/v1/chat/completions"
    script = json.dumps({"output": 900, "input_uncached": 30, **NO_CACHE})
    answers = live.client("chat", url, "--script", script)
    assert answers[0]["status"] == 200 and answers[0]["complete"]
    assert ledger(live) == sent(live)
    assert set(rows(live)) == {"corp"} and rows(live)["corp"]["output"] == 900
    live.bb("budget", "set", "agent:home/web", "corp", "900")
    arrived = len(live.internet.requests("api.example.org"))
    assert live.client("chat", url)[0]["status"] == 429
    assert len(live.internet.requests("api.example.org")) == arrived
    assert live.client("claude")[0]["status"] == 200, "another provider's pool is another pool"


def test_an_estimate_that_does_not_fit_is_refused_before_anything_is_sent(live: Live) -> None:
    live.bottle(extra="preflight: estimate\n")
    live.agent(extra="budget: {claude: 3000}\n")
    live.apply()
    long = "many words that are far too much for what is left " * 1500
    answer = live.client("claude", "--prompt", long)[0]
    assert answer["status"] == 402
    assert live.internet.requests("api.anthropic.com") == [] and rows(live) == {}
    assert live.client("claude", "--script", '{"output": 50, "input_uncached": 9}')[0]["complete"]


def test_an_exact_preflight_asks_the_provider_and_refuses_by_its_count(live: Live) -> None:
    """The estimate admits the short question; the provider's count does not fit."""
    live.bottle(extra="preflight: exact\n")
    live.agent(extra="budget: {claude: 50000}\n")
    live.apply()
    live.internet.far.script(path="*/count_tokens", times=1, input_uncached=90_000)
    script = json.dumps({"output": 50, "input_uncached": 90, **NO_CACHE})
    assert live.client("claude", "--script", script)[0]["status"] == 402
    (counted,) = live.internet.requests("api.anthropic.com")
    assert counted["target"].startswith("/v1/messages/count_tokens")
    assert counted["auth"]["x-api-key"] == live.env["ANTHROPIC_API_KEY"]
    assert rows(live) == {}, "counting is no spend"
    live.internet.far.script(path="*/count_tokens", times=1, **NO_CACHE, input_uncached=90)
    assert live.client("claude", "--script", script)[0]["complete"]
    assert ledger(live) == sent(live) and ledger(live)["output"] == 50


def test_a_client_that_leaves_mid_stream_leaves_a_partial_row(running: Live) -> None:
    script = {"output": 5000, "input_uncached": 123, "events": 200, "delay": 0.05}
    answer = act(running, "leave", "6", **script, **NO_CACHE)
    assert answer["status"] == 200
    row = eventually(lambda: rows(running).get("claude"), 15)
    assert (row["requests"], row["partial"], row["input_uncached"]) == (1, 1, 123)
    assert 0 < row["output"] < 5000
    eventually(
        lambda: running.internet.requests("api.anthropic.com")[0]["outcome"] == "client_gone", 15
    )


def family(live: Live, mode: str) -> None:
    """A bottle with a parent, and so a pool of every scope."""
    live.settings(f"budget_mode: {mode}\n")
    live.bottle("root")
    live.bottle(extra="extends: root\n")
    live.apply()


def passes(live: Live) -> bool:
    status = live.client("claude", "--script", '{"output": 20, "input_uncached": 9}')[0]["status"]
    assert status in (200, 402)
    return bool(status == 200)


def test_with_all_any_scope_that_is_spent_refuses(live: Live) -> None:
    family(live, "all")
    assert passes(live)
    for scope in SCOPES:
        live.bb("budget", "set", scope, "claude", "1")
        assert not passes(live), scope
        live.bb("budget", "clear", scope, "claude")
        assert passes(live), scope


def test_with_nearest_the_most_specific_scope_governs_alone(live: Live) -> None:
    family(live, "nearest")
    live.bb("budget", "set", "global", "claude", "1")
    assert not passes(live)
    for scope in reversed(SCOPES[:-1]):
        live.bb("budget", "set", scope, "claude", "50k")
        assert passes(live), f"{scope} governs, not what is above it"
        live.bb("budget", "set", scope, "claude", "1")
        assert not passes(live), scope


def test_a_launch_budget_governs_before_the_agents(live: Live) -> None:
    live.agent(extra="budget: {claude: 1}\n")
    live.apply("--budget", "claude=50k")
    assert passes(live)
    live.bb("budget", "set", "launch:home/web", "claude", "1")
    assert not passes(live)


def test_two_bottles_share_the_pool_of_their_parent(live: Live) -> None:
    live.bottle("root", extra="budget: {claude: 3000}\n")
    live.bottle("left", extra="extends: root\n")
    live.bottle("right", extra="extends: root\n")
    live.agent("web", "left")
    live.agent("two", "right")
    live.apply()
    script = json.dumps({"output": 900, "input_uncached": 9, **NO_CACHE})
    assert live.client("claude", "--script", script, bottle="two")[0]["status"] == 200
    answers = live.client("claude", "--count", "8", "--until-refused", "--script", script)
    assert [a["status"] for a in answers].count(200) == 3, "the pool's fourth crosses it"
    assert live.client("claude", "--script", script, bottle="two")[0]["status"] == 402
    pool = next(p for p in live.json("budget", "show")["pools"] if p["scope"] == "bottle:root")
    assert pool["limit"] == 3000 and 3000 < pool["spent"] <= 3 * 909 + 9 + MAX_TOKENS
    assert sum(ledger(live).values()) == pool["spent"]
    assert sum(sent(live).values()) <= 4 * 909, "nothing went out after the one that crossed"
    assert len(rows(live, "account")) == 2
