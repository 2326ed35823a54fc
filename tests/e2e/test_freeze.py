"""Freeze and resume on real containers: the work survives, the snapshot holds no credential."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.live import Live, docker


def contains(image: str, secrets: tuple[str, ...], work: Path) -> list[str]:
    """Which of ``secrets`` occur in the image as ``docker save`` writes it, layers unpacked."""
    file = work / "image.tar"
    docker("save", "-o", str(file), image)
    found = []
    for secret in secrets:
        if subprocess.run(["grep", "-qaF", secret, str(file)], check=False).returncode == 0:
            found.append(secret)
    file.unlink()
    return found


def test_a_lost_container_is_resumed_from_its_snapshot_with_its_work(live: Live) -> None:
    live.apply()
    live.shell("echo thought > /workspace/notes; echo mine > /home/agent/own")
    assert live.client("claude")[0]["status"] == 200
    live.bb("freeze", "web", "--reason", "overnight")
    (freeze,) = live.json("freezes")["freezes"]
    assert freeze["bottle"] == "web" and freeze["frozen"] and freeze["size"] > 0
    assert freeze["manifest_digest"]

    # Positive control: the search does find what an image of this engine holds.
    name = docker("inspect", "-f", '{{index .Config.Labels "dev.botbottle.bottle"}}',
                  freeze["image"])  # fmt: skip
    assert name == "web" and contains(freeze["image"], ("dev.botbottle.bottle",), live.work)
    assert contains(freeze["image"], live.credentials, live.work) == []

    docker("rm", "-f", live.container())
    assert live.bb("plan", "--detailed-exitcode").returncode == 0, "frozen: nothing to do"
    live.bb("resume", "web")
    assert live.inspect()["Config"]["Image"] == freeze["image"]
    assert live.shell("cat /workspace/notes /home/agent/own").stdout == "thought\nmine\n"
    assert live.client("claude")[0]["status"] == 200
    assert live.bb("plan", "--detailed-exitcode").returncode == 0
    actions = [r["action"] for r in live.json("audit")["rows"] if r["account"] == "home/web"]
    assert [a for a in actions if a in ("enforce", "resume", "lift")] == [
        "enforce",
        "resume",
        "lift",
    ]
    live.bb("audit", "--verify")

    kept = live.bb("freezes", "--prune", "0h")
    assert "kept" in kept.stderr, "a container was made from it"
    live.bb("destroy", "--yes", "--allow", "destroy")
    live.bb("freezes", "--prune", "0h")
    assert live.json("freezes")["freezes"] == []
    assert docker("image", "inspect", freeze["image"], check=False) in ("", "[]")


def test_watch_tells_a_command_and_the_report_shows_it(live: Live) -> None:
    told = live.work / "told"
    live.settings(f"notify_command: tee -a {told}\n")
    live.agent(extra="budget: {claude: 3000}\n")
    live.apply()
    live.client("claude", "--count", "12", "--until-refused", "--script", '{"output": 900}')
    live.bb("watch", "--once")
    text = told.read_text()
    assert '"kind": "budget"' in text and '"kind": "hold"' in text
    assert not any(c in text for c in live.credentials)
    page = live.work / "report.html"
    live.bb("report", "--since", "1d", "--out", str(page))
    html = page.read_text()
    assert "enforce cutoff" in html and "agent:home/web" in html and "<rect" in html
    assert "whole" in html and not any(c in html for c in live.credentials)


def test_a_budget_freezes_and_resume_needs_room(live: Live) -> None:
    live.bottle(extra="shutdown: freeze\n")
    live.agent(extra="budget: {claude: 3000}\n")
    said = live.apply()
    assert "no watch is alive" in said.stderr and "web (freeze)" in said.stderr
    live.client("claude", "--count", "12", "--until-refused", "--script", '{"output": 900}')
    live.bb("watch", "--once")
    assert live.inspect()["State"]["Status"] == "exited"
    refused = live.bb("resume", "web", code=None)
    assert refused.returncode != 0 and "BB7306" in refused.stderr
    assert live.inspect()["State"]["Status"] == "exited"
    live.bb("resume", "web", "--budget", "claude=50k")
    assert live.client("claude")[0]["status"] == 200
    rows = [r for r in live.json("audit")["rows"] if r["action"] == "enforce"]
    assert [r["policy"] for r in rows] == ["freeze"]
    for freeze in live.json("freezes")["freezes"]:
        docker("rmi", "-f", freeze["image"], check=False)
