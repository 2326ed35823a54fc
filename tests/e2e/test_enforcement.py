"""Budgets and orders, enforced on real containers without the agent's cooperation."""

from __future__ import annotations

import json
import signal

import pytest

from tests.support.live import Live, docker, eventually

SMALL = "budget: {claude: 3000}\n"
HANG = """
import os, signal
for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
    if pid not in (1, os.getpid()):
        os.kill(pid, signal.SIGSTOP)
"""


def spend(live: Live, **script: object) -> list[dict]:
    answers = live.client(
        "claude",
        "--count",
        "12",
        "--until-refused",
        "--script",
        json.dumps({"output": 900, **script}),
    )
    if answers[-1]["status"] == 200:  # the stream that crossed was cut; the next one is refused
        answers += live.client("claude")
    return answers


def audit(live: Live, action: str = "enforce") -> list[dict]:
    return [r for r in live.json("audit")["rows"] if r["action"] == action]


@pytest.fixture
def small(live: Live) -> Live:
    live.agent(extra=SMALL)
    live.apply()
    return live


def test_the_sidecar_alone_refuses_when_nobody_watches(small: Live) -> None:
    answers = spend(small)
    assert 3 <= len([a for a in answers if a["status"] == 200]) <= 4, "the fourth crosses"
    assert answers[-1]["status"] == 402
    body = json.dumps(answers[-1]["body"])
    assert "billing_error" in body and "budget" in body
    seen = len(small.internet.requests("api.anthropic.com"))
    assert [a["status"] for a in small.client("claude", "--count", "5")] == [402] * 5
    assert len(small.internet.requests("api.anthropic.com")) == seen, "a refused request went out"


def test_a_stream_is_cut_when_it_crosses(live: Live) -> None:
    live.agent(extra="budget: {claude: 600}\n")
    live.apply()
    answer = live.client(
        "claude", "--script", json.dumps({"output": 5000, "events": 100, "delay": 0.05})
    )[0]
    assert answer["status"] == 200 and not answer["complete"]
    row = live.json("usage")["rows"][0]
    assert row["partial"] == 1 and row["total"] < 5000


def test_watch_cuts_off_and_an_operator_raises_the_budget(small: Live) -> None:
    watch = small.start("watch")
    try:
        spend(small)
        eventually(lambda: audit(small), 15)
        rows = audit(small)
        assert [(r["policy"], r["action"]) for r in rows] == [("cutoff", "enforce")]
        status = small.json("status")["bottles"][0]
        assert status["held"]["policy"] == "cutoff" and status["agent"] == "running"
        small.bb("budget", "set", "agent:home/web", "claude", "50k")
        eventually(lambda: audit(small, "lift"), 15)
        assert small.client("claude")[0]["status"] == 200
        assert len(audit(small)) == 1
        small.bb("audit", "--verify")
    finally:
        watch.send_signal(signal.SIGTERM)
        assert watch.wait(20) == 0


def test_a_kill_stays_until_it_is_released(live: Live) -> None:
    live.agent(extra=SMALL)
    live.bottle(extra="shutdown: kill\n")
    live.apply()
    spend(live)
    live.bb("watch", "--once")
    assert live.containers("web") == []
    again = live.bb("apply", "--yes")
    assert live.containers("web") == [] and "bb release web" in again.stdout
    live.bb("budget", "set", "agent:home/web", "claude", "50k")
    live.bb("watch", "--once")
    assert live.containers("web") == [], "raising the budget does not bring back what was killed"
    live.bb("release", "web")
    assert live.client("claude")[0]["status"] == 200


def test_an_operator_cuts_off_at_once_and_releases(small: Live) -> None:
    small.bb("cutoff", "web", "--reason", "looks odd")
    answer = small.client("claude")[0]
    assert answer["status"] in (402, 403) and small.internet.requests("api.anthropic.com") == []
    assert audit(small)[0]["policy"] == "cutoff"
    small.bb("release", "web")
    assert small.client("claude")[0]["status"] == 200


def test_orders_reach_a_bottle_that_is_not_declared_any_more_or_whose_manifest_is_broken(
    small: Live,
) -> None:
    """Whoever edits the manifests cannot switch the emergency stop off."""
    written = (small.home / "agents/web.md").read_text()
    small.write("agents/web.md", written.replace("---\n", "---\nunheard_of: 1\n", 1))
    small.bb("cutoff", "--all")
    assert small.client("claude")[0]["status"] in (402, 403)
    (small.home / "agents/web.md").unlink()
    assert "not declared any more" in small.bb("status").stdout
    assert "not declared any more" in small.bb("kill", "web").stderr
    assert small.containers("web") == [] and small.internet.requests("api.anthropic.com") == []
    small.write("agents/web.md", written)
    assert "bb release web" in small.bb("apply", "--yes").stdout
    assert small.containers("web") == [], "it stays killed when it is declared again"


@pytest.mark.parametrize("policy", ["freeze", "kill"])
def test_a_watch_enforces_the_budget_of_a_bottle_that_is_not_declared_any_more(
    live: Live, policy: str
) -> None:
    live.agent(extra=SMALL)
    live.bottle(extra=f"shutdown: {policy}\n")
    live.apply()
    (live.home / "agents/web.md").unlink()
    live.bb("watch", "--once", code=None)
    assert live.inspect()["State"]["Running"], "it is left to bb apply while it has room"
    spend(live)
    live.bb("watch", "--once", code=None)
    assert [r["policy"] for r in audit(live)] == [policy]
    if policy == "kill":
        assert live.containers("web") == []
    else:
        assert not live.inspect()["State"]["Running"] and live.json("freezes")["freezes"]


def test_a_sidecar_that_hangs_is_stopped_by_an_order_and_refuses_after_it(small: Live) -> None:
    """An agent may keep it busy, or have made it hang: a cutoff waits for nobody's answer."""
    sidecar = small.container(kind="egress")
    docker("exec", sidecar, "python3", "-c", HANG)
    done = small.bb("cutoff", "web")
    assert "was not cut off at once" in done.stderr
    assert small.container(kind="egress") == sidecar, "the same one, started again"
    assert small.client("claude")[0]["status"] in (402, 403)
    assert small.internet.requests("api.anthropic.com") == []
    assert audit(small)[0]["policy"] == "cutoff"
    small.bb("release", "web")
    assert small.client("claude")[0]["status"] == 200


def test_a_sidecar_that_hangs_is_stopped_by_a_watch_of_one_pass(small: Live) -> None:
    spend(small)
    sidecar = small.container(kind="egress")
    begun = docker("inspect", "-f", "{{.State.StartedAt}}", sidecar)
    docker("exec", sidecar, "python3", "-c", HANG)
    small.bb("watch", "--once")
    assert docker("inspect", "-f", "{{.State.StartedAt}}", sidecar) != begun
    assert small.client("claude")[0]["status"] in (402, 403)
    assert [r["policy"] for r in audit(small)] == ["cutoff"]


@pytest.mark.parametrize("order", ["cutoff", "kill"])
def test_an_edit_that_waits_while_a_bottle_is_held_is_asked_for_at_its_release(
    small: Live, order: str
) -> None:
    """Neither the order nor somebody's apply meanwhile has approved it."""
    small.bottle(extra="egress: {routes: [{host: api.example.com}]}\n")
    small.bb(order, "web")
    small.bb("apply", "--yes")
    refused = small.bb("release", "web", code=7)
    assert "api.example.com" in refused.stdout and "--allow widen" in refused.stderr
    assert small.json("status")["bottles"][0]["held"]["policy"] == order
    small.bb("release", "web", "--allow", "widen")
    assert small.client("claude")[0]["status"] == 200


def test_a_cutoff_leaves_the_agent_at_work_alone_whatever_was_edited(small: Live) -> None:
    """By order and by budget; the edit is shown, and in force after the release."""
    before = small.inspect()
    small.bottle(extra="env: {MODE: late}\nresources: {pids: 77}\n")
    shown = small.bb("cutoff", "web").stdout
    assert "env.MODE" in shown and "waits until the bottle is free" in shown
    assert small.bb("plan", "--detailed-exitcode").returncode == 0
    held = small.inspect()
    for key in ("Id", "State", "HostConfig"):
        assert held[key] == before[key], key
    spend(small)
    small.bb("release", "web")
    after = small.inspect()
    assert after["Id"] != before["Id"] and "MODE=late" in after["Config"]["Env"]
    assert after["HostConfig"]["PidsLimit"] == 77
    spend(small)
    small.bottle(extra="env: {MODE: later}\nresources: {pids: 77}\n")
    small.bb("watch", "--once")
    assert small.inspect()["Id"] == after["Id"], "the budget's cutoff replaced the agent"
    assert audit(small)[-1]["policy"] == "cutoff"


def test_an_edited_limit_is_enforced_or_lifted_by_the_apply_that_registers_it(small: Live) -> None:
    """One apply, whose second plan is empty; a watch leaves the raise to somebody who approves."""
    spend(small)
    small.agent(extra="budget: {claude: 50k}\n")
    small.bb("watch", "--once")
    assert small.json("status")["bottles"][0]["held"]["policy"] == "cutoff"
    small.bb("apply", "--yes", code=7)
    small.bb("apply", "--yes", "--allow", "budget")
    assert small.client("claude")[0]["status"] == 200
    small.agent(extra="budget: {claude: 100}\n")
    small.bb("apply", "--yes")
    assert small.json("status")["bottles"][0]["held"]["policy"] == "cutoff"
    assert [r["action"] for r in small.json("audit")["rows"]] == ["enforce", "lift", "enforce"]


def test_freeze_keeps_the_work_and_resume_continues(small: Live) -> None:
    small.shell("echo thought > /workspace/notes; echo mine > /home/agent/own")
    small.bb("freeze", "web")
    assert small.inspect()["State"]["Status"] == "exited"
    assert small.bb("plan", "--detailed-exitcode").returncode == 0
    assert "drift" not in small.bb("resume", "web").stdout, "a start by order is no drift"
    assert small.shell("cat /workspace/notes /home/agent/own").stdout == "thought\nmine\n"
    assert small.client("claude")[0]["status"] == 200


def test_two_watches_do_not_enforce_at_once(small: Live) -> None:
    first = small.start("watch")
    try:
        log = small.home / "run/log/watch-home.jsonl"
        eventually(lambda: log.exists() and '"started"' in log.read_text(), 60)
        second = small.bb("watch", "--once", code=6)
        assert "BB6000" in second.stderr
    finally:
        first.terminate()
        assert first.wait(20) == 0


def test_no_ledger_service_means_no_metered_traffic(small: Live) -> None:
    from tests.support.live import docker

    assert small.client("claude")[0]["status"] == 200
    docker("stop", small.containers(kind="ledger")[0])
    answer = small.client("claude")[0]
    assert answer["status"] != 200
    assert len(small.internet.requests("api.anthropic.com")) == 1
    small.bb("watch", "--once")
    eventually(lambda: small.client("claude")[0]["status"] == 200, 15)
