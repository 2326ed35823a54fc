"""Real Gemini CLI and opencode complete turns against the world; ``engine`` like the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_world import agents
from tests.world import World

pytestmark = pytest.mark.engine


def test_gemini_cli_takes_a_turn_and_counts_like_the_truth(world: World, tmp_path: Path) -> None:
    world.script(text="the answer", path="*:streamGenerateContent")
    turn = agents.gemini(tmp_path, world.http_url)
    assert turn.code == 0, turn
    told = turn.result()
    assert told["response"] == "the answer"
    used = told["stats"]["models"]["gemini-2.5-flash"]["tokens"]
    billed = world.totals()["billed"]
    assert used["prompt"] - used["cached"] == billed["input_uncached"]
    assert used["cached"] == billed["cache_read"]
    assert used["candidates"] + used["thoughts"] == billed["output"]
    assert used["thoughts"] == billed["reasoning"]


def test_opencode_takes_a_turn_and_counts_like_the_truth(world: World, tmp_path: Path) -> None:
    world.script(text="the answer", cache_write_5m=0, cache_write_1h=0)
    turn = agents.opencode(tmp_path, world.http_url)
    assert turn.code == 0, turn
    parts = [event["part"] for event in turn.events()]
    assert "the answer" in [part.get("text") for part in parts]
    (finished,) = [part["tokens"] for part in parts if part["type"] == "step-finish"]
    asked = world.requests(dialect="openai.chat")
    assert len(asked) == 2, "a title and the turn, in either order"
    billed = max(asked, key=lambda request: int(request["body_bytes"]))["billed"]
    assert finished["input"] == billed["input_uncached"]
    assert finished["cache"]["read"] == billed["cache_read"]
    assert finished["output"] + finished["reasoning"] == billed["output"]
