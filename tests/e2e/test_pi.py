"""pi in real bottles: turns of both its providers complete and are metered; a budget stops it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.test_real_agents import ledger, metered, sent
from tests.support.live import Live, eventually

TURN = ("pi", "--approve", "--print", "--mode", "json")


@pytest.fixture(scope="session")
def image(images: str) -> None:
    from botbottle.engine.docker import connect
    from botbottle.images import ensure

    engine = connect()
    ensure(engine, "agent-pi")
    engine.close()


@pytest.fixture
def pi(live: Live, image: None) -> Live:
    live.bottle(template="pi")
    return live


def turn(live: Live, code: int | None = 0) -> list[dict[str, Any]]:
    """The events of one headless turn."""
    done = live.bb("attach", "web", "--", *TURN, "--", "hello", code=code)
    return [json.loads(line) for line in done.stdout.split("\n") if line.startswith("{")]


def said(events: list[dict[str, Any]]) -> Any:
    """The last message of the model."""
    ends = [e["message"] for e in events if e["type"] == "message_end"]
    return [m for m in ends if m["role"] == "assistant"][-1]


def test_a_turn_completes_and_the_ledger_is_exact(pi: Live) -> None:
    pi.apply()
    last = said(turn(pi))
    assert last["provider"] == "anthropic" and last["stopReason"] == "stop", last
    assert ledger(pi) == sent(pi) and ledger(pi)["output"] == last["usage"]["output"] > 0
    assert {r["auth"]["x-api-key"] for r in metered(pi)} == {pi.env["ANTHROPIC_API_KEY"]}
    assert {r["host"] for r in pi.internet.requests()} == {"api.anthropic.com"}
    assert pi.json("denials", "web")["denials"] == [], "it asks for nothing it does not need"


def test_a_turn_with_openai_spends_the_budget_of_that_provider(pi: Live) -> None:
    pi.bottle(template="pi, settings: {credential: openai}")
    pi.agent(extra="budget: {codex: 900k}\n")
    pi.apply()
    last = said(turn(pi))
    assert last["provider"] == "openai" and last["stopReason"] == "stop", last
    assert ledger(pi) == sent(pi) and ledger(pi)["output"] == last["usage"]["output"] > 0
    assert {r["provider"] for r in pi.json("usage")["rows"]} == {"codex"}
    wanted = {f"Bearer {pi.env['OPENAI_API_KEY']}"}
    assert {r["auth"]["authorization"] for r in metered(pi)} == wanted


def test_headless_runs_its_task_as_the_container(pi: Live) -> None:
    pi.agent(extra="run: headless\ntask: '--help me'\n")
    pi.apply()
    eventually(lambda: pi.inspect()["State"]["Status"] == "exited", 120)
    assert pi.inspect()["State"]["ExitCode"] == 0
    assert ledger(pi) == sent(pi) and ledger(pi)["output"] > 0


def test_it_gets_nothing_out_after_the_budget_and_gives_up(pi: Live) -> None:
    pi.agent(extra="budget: {claude: 900k}\n")
    pi.apply()
    pi.bb("budget", "set", "agent:home/web", "claude", "1")
    assert said(turn(pi, code=None))["stopReason"] == "error"
    assert metered(pi) == [], "nothing was sent"
    assert [d["code"] for d in pi.json("denials", "web")["denials"]] == ["budget"], "asked once"
