"""The real programs in real bottles: turns complete, the ledger is exact, a cut stops them."""

from __future__ import annotations

import json

from tests.support.live import Live, eventually

CLASSES = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output")


def sent(live: Live) -> dict[str, int]:
    """What the upstream says it sent, by class, each response once."""
    bills = {r["id"]: r["usage"] for q in live.internet.requests() for r in q["responses"]}
    return {c: sum(u.get(c, 0) for u in bills.values()) for c in CLASSES}


def ledger(live: Live) -> dict[str, int]:
    rows = live.json("usage")["rows"]
    return {c: sum(r[c] for r in rows) for c in CLASSES}


def metered(live: Live) -> list[dict]:
    return [r for r in live.internet.requests() if r["metered"]]


def test_claude_completes_a_turn_and_the_ledger_is_exact(running: Live) -> None:
    done = running.bb("attach", "web", "--", "claude", "-p", "hello", "--output-format", "json")
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["is_error"] is False, result
    assert ledger(running) == sent(running) != dict.fromkeys(CLASSES, 0)
    own = next(iter(result["modelUsage"].values()))
    assert own["outputTokens"] <= ledger(running)["output"]


def test_claude_headless_runs_its_task_as_the_container(live: Live) -> None:
    live.agent(extra="run: headless\ntask: say hello\n")
    live.apply()
    eventually(lambda: live.inspect()["State"]["Status"] == "exited", 60)
    assert live.inspect()["State"]["ExitCode"] == 0
    assert ledger(live) == sent(live) != dict.fromkeys(CLASSES, 0)


def test_codex_completes_a_turn_and_the_ledger_is_exact(live: Live) -> None:
    live.bottle(template="codex")
    live.apply()
    argv = ("codex", "exec", "--skip-git-repo-check", "--json", "hello")
    done = live.bb("attach", "web", "--", *argv)
    last = [json.loads(x) for x in done.stdout.split("\n") if x.startswith("{")][-1]
    assert last["type"] == "turn.completed", done.stdout
    assert ledger(live) == sent(live)
    assert last["usage"]["output_tokens"] == ledger(live)["output"]


def test_claude_stops_soon_after_the_budget_is_gone(live: Live) -> None:
    live.agent(extra="budget: {claude: 50}\n")
    live.apply()
    running = live.client("claude")  # crosses
    assert running
    before = len(metered(live))
    done = live.bb(
        "attach", "web", "--", "claude", "-p", "hello", "--output-format", "json", code=None
    )
    assert done.returncode != 0 or '"is_error":true' in done.stdout.replace(" ", "")
    assert len(metered(live)) == before, "nothing was sent after the refusal"
