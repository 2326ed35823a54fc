"""Real Claude Code and Codex complete turns against the world, and count as the truth counts.

Slow and large (the binaries come from npm, about 700 MB unpacked), hence marked ``engine``.
On clean turns the clients' own figures are an exact oracle for the wire formats.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.test_world import agents
from tests.world import World
from tests.world.dialects.common import COMMAND

pytestmark = pytest.mark.engine

SAID = COMMAND.split()[-1]


def claude_totals(turn: agents.Turn) -> dict[str, int]:
    """The tokens that Claude Code says it used, over all models."""
    used = list(turn.result()["modelUsage"].values())
    return {
        "input_uncached": sum(m["inputTokens"] for m in used),
        "cache_read": sum(m["cacheReadInputTokens"] for m in used),
        "cache_write_5m": sum(m["cacheCreationEphemeral5mInputTokens"] for m in used),
        "cache_write_1h": sum(m["cacheCreationEphemeral1hInputTokens"] for m in used),
        "output": sum(m["outputTokens"] for m in used),
        "reasoning": sum(m["thinkingTokens"] for m in used),
    }


def codex_totals(turn: agents.Turn) -> dict[str, int]:
    """The tokens that Codex says it used."""
    assert turn.events()[-1]["type"] == "turn.completed", turn
    used = turn.events()[-1]["usage"]
    written = used["cache_write_input_tokens"]
    return {
        "input_uncached": used["input_tokens"] - used["cached_input_tokens"] - written,
        "cache_read": used["cached_input_tokens"],
        "cache_write": written,
        "output": used["output_tokens"],
        "reasoning": used["reasoning_output_tokens"],
    }


def merged_writes(tokens: dict[str, int]) -> dict[str, int]:
    """The truth with both cache-write lifetimes as one, as Codex reports them."""
    kept = ("input_uncached", "cache_read", "output", "reasoning")
    written = tokens["cache_write_5m"] + tokens["cache_write_1h"]
    return {name: tokens[name] for name in kept} | {"cache_write": written}


def claude_env(world: World) -> dict[str, str]:
    """Claude Code pointed at the world's plain port."""
    return {"ANTHROPIC_BASE_URL": world.http_url, "ANTHROPIC_API_KEY": "sk-ant-placeholder"}


@pytest.mark.parametrize("coding", ["identity", "gzip", "br", "zstd"])
def test_claude_code_takes_a_turn_and_counts_like_the_truth(
    world: World, tmp_path: Path, coding: str
) -> None:
    world.script(path="/v1/messages", text="the answer", encoding=coding, quirks=["many_deltas"])
    turn = agents.claude(tmp_path, claude_env(world))
    assert turn.code == 0, turn
    assert turn.result()["result"] == "the answer"
    assert claude_totals(turn) == world.totals()["billed"]
    (asked,) = world.requests(dialect="anthropic.messages")
    assert asked["auth"] == {"x-api-key": "sk-ant-placeholder"}
    assert (asked["outcome"], asked["coding"]) == ("completed", coding)


def test_claude_code_runs_a_tool_and_sends_back_its_result(world: World, tmp_path: Path) -> None:
    world.script(path="/v1/messages", tool="shell", split=97)
    turn = agents.claude(tmp_path, claude_env(world), "--allowedTools", "Bash")
    assert turn.result()["num_turns"] == 2, turn
    assert claude_totals(turn) == world.totals()["billed"]
    first, second = world.requests(dialect="anthropic.messages")
    assert second["body_bytes"] > first["body_bytes"]


def test_claude_code_with_a_login_token_over_tls(world: World, tmp_path: Path) -> None:
    env = {
        "ANTHROPIC_BASE_URL": world.tls_url,
        "CLAUDE_CODE_OAUTH_TOKEN": "sk-ant-oat01-placeholder",
        "NODE_EXTRA_CA_CERTS": str(world.ca_file),
    }
    turn = agents.claude(tmp_path, env)
    assert turn.code == 0, turn
    assert claude_totals(turn) == world.totals()["billed"]
    (asked,) = world.requests(dialect="anthropic.messages")
    assert asked["auth"]["authorization"] == "Bearer sk-ant-oat01-placeholder"
    assert asked["tls"] is True


def test_claude_code_over_bedrock_reads_our_event_stream(world: World, tmp_path: Path) -> None:
    world.script(path="*-stream", text="from bedrock")
    env = {
        "CLAUDE_CODE_USE_BEDROCK": "1",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIAPLACEHOLDER",
        "AWS_SECRET_ACCESS_KEY": "placeholder",
        "ANTHROPIC_BEDROCK_BASE_URL": world.http_url,
    }
    turn = agents.claude(tmp_path, env)
    assert turn.result()["result"] == "from bedrock", turn
    streamed = world.requests(dialect="bedrock.invoke_stream")
    probes = world.requests(dialect="bedrock.invoke")
    assert len(streamed) == 1
    assert streamed[0]["reported"]["output"] == claude_totals(turn)["output"]
    # Claude Code's silent probes are billed yet absent from its own figures.
    assert world.totals()["billed"]["output"] == claude_totals(turn)["output"] + sum(
        probe["billed"]["output"] for probe in probes
    )


def test_claude_code_gives_up_at_once_on_our_budget_refusal(world: World, tmp_path: Path) -> None:
    world.script(
        path="/v1/messages",
        status=402,
        error={"message": "budget spent"},
        headers={"x-should-retry": "false"},
    )
    turn = agents.claude(tmp_path, claude_env(world))
    assert turn.code != 0
    assert "budget spent" in turn.out
    assert len(world.requests(dialect="anthropic.messages")) == 1


@pytest.mark.parametrize("websocket", [False, True], ids=["sse", "websocket"])
def test_codex_takes_a_turn_and_counts_like_the_truth(
    world: World, tmp_path: Path, websocket: bool
) -> None:
    world.script(path="/v1/responses", text="the answer")
    turn = agents.codex(tmp_path, world.http_url, websocket=websocket)
    assert turn.code == 0, turn
    (said,) = [e["item"] for e in turn.events() if e["type"] == "item.completed"]
    assert said["text"] == "the answer"
    assert codex_totals(turn) == merged_writes(world.totals()["billed"])
    protocols = {r["protocol"] for r in world.requests(metered=True)}
    assert protocols == ({"ws"} if websocket else {"http/1.1"})


@pytest.mark.parametrize("websocket", [False, True], ids=["sse", "websocket"])
def test_codex_runs_a_tool_and_sends_back_its_result(
    world: World, tmp_path: Path, websocket: bool
) -> None:
    world.script(path="/v1/responses", tool="shell")
    turn = agents.codex(tmp_path, world.http_url, websocket=websocket)
    items: list[dict[str, Any]] = [
        e["item"] for e in turn.events() if e["type"] == "item.completed"
    ]
    ran = [item for item in items if item["type"] == "command_execution"]
    assert [(item["aggregated_output"], item["exit_code"]) for item in ran] == [(f"{SAID}\n", 0)]
    assert codex_totals(turn) == merged_writes(world.totals()["billed"])


def test_codex_prewarms_its_socket_with_zero_usage(world: World, tmp_path: Path) -> None:
    agents.codex(tmp_path, world.http_url, websocket=True)
    prewarm, turn = world.requests(method="WS")
    assert prewarm["json"]["generate"] is False
    assert sum(prewarm["billed"].values()) == 0
    assert sum(turn["billed"].values()) > 0


def test_codex_falls_back_to_https_when_the_upgrade_is_declined(
    world: World, tmp_path: Path
) -> None:
    world.script(upgrade_status=426, method="UPGRADE")
    turn = agents.codex(tmp_path, world.http_url, websocket=True)
    assert codex_totals(turn) == merged_writes(world.totals()["billed"])
    assert {r["dialect"] for r in world.requests()} >= {"ws.declined", "openai.responses"}


def test_codex_gives_up_at_once_on_our_budget_refusal(world: World, tmp_path: Path) -> None:
    world.script(path="/v1/responses", status=429, error={"message": "budget spent"})
    turn = agents.codex(tmp_path, world.http_url, websocket=False)
    assert turn.code != 0
    assert len(world.requests(dialect="openai.responses")) == 1
