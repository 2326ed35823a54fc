"""Freeze and resume on real containers: the work survives, the snapshot holds no credential."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

import jsonschema
import pytest

from botbottle.dlp.archives import searching
from botbottle.engine.docker import connect
from tests.support.live import Live, docker


def places(pieces: Iterable[bytes], values: Iterable[str]) -> list[str]:
    """Where any of ``values`` lies in a tar, its layers and what is packed in them unpacked."""
    look = searching({f"S{n}": s.encode() for n, s in enumerate(values)}, b"k" * 32)
    return sorted({p.path for p in look.scan(pieces) if p.leak})


def saved(image: str) -> Iterator[bytes]:
    engine = connect()
    try:
        yield from engine.save(image)
    finally:
        engine.close()


def remove_images(live: Live) -> None:
    for freeze in live.json("freezes")["freezes"]:
        for tag in (freeze["image"], freeze["volumes"]):
            if tag:
                docker("rmi", "-f", tag, check=False)


def lose(live: Live) -> None:
    """Somebody removes the agent and its volumes behind our back."""
    found = live.inspect()
    docker("rm", "-f", found["Id"])
    docker("volume", "rm", *(m["Name"] for m in found["Mounts"] if m["Type"] == "volume"))


def test_a_lost_bottle_is_resumed_from_its_snapshot_with_its_work(live: Live) -> None:
    live.apply()
    live.shell(
        "echo thought > /workspace/notes; mkdir -p /home/agent/d; echo mine > /home/agent/d/own"
    )
    live.shell("ln -s d/own /home/agent/link; chmod 700 /home/agent/d; echo > '/workspace/a b'")
    mark = secrets.token_hex(16)
    live.shell(f"echo {mark} > /workspace/planted")
    before = live.shell("cd /home/agent && ls -lanR --time-style=+%s . /workspace").stdout
    assert live.client("claude")[0]["status"] == 200
    frozen = json.loads(live.bb("freeze", "web", "--reason", "overnight", "--json").stdout)
    jsonschema.validate(frozen, json.loads(Path("schemas/outcome.json").read_text()))
    assert frozen["outcome"] == "applied" and "commit:web/agent" in frozen["done"]
    (freeze,) = live.json("freezes")["freezes"]
    assert freeze["bottle"] == "web" and freeze["frozen"]
    assert freeze["size"] > freeze["own"] > 0 and freeze["manifest_digest"]
    found = json.loads(live.bb("freezes", "--scan", "--json").stdout)["freezes"][0]
    assert found["leaks"] == [] and found["searched_for"] == ["ANTHROPIC_API_KEY"]
    images = (freeze["image"], freeze["volumes"])
    for image in images:
        assert places(saved(image), live.credentials) == []
    # Positive control: the same search finds what was written into a volume, down in its layer.
    assert any("workspace/planted" in p for p in places(saved(images[1]), [mark]))

    lose(live)
    assert live.bb("plan", "--detailed-exitcode").returncode == 0, "frozen: nothing to do"
    assert json.loads(live.bb("resume", "web", "--json").stdout)["verb"] == "resume"
    assert live.inspect()["Config"]["Image"] == freeze["image"]
    assert live.shell("cat /workspace/notes /home/agent/d/own").stdout == "thought\nmine\n"
    after = live.shell("cd /home/agent && ls -lanR --time-style=+%s . /workspace").stdout
    assert sorted(files_of(after)) == sorted(files_of(before))
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
    for image in images:
        assert docker("image", "inspect", image, check=False) in ("", "[]")


def files_of(listing: str) -> list[str]:
    """Lines of files and links: mode, owner, size, time, name. Directories' own lines change."""
    return [line for line in listing.splitlines() if line.startswith(("-", "l"))]


def test_a_snapshot_does_not_change_with_its_volumes(live: Live) -> None:
    live.apply()
    live.shell("echo thought > /workspace/notes")
    live.bb("freeze", "web")
    (freeze,) = live.json("freezes")["freezes"]
    work = next(m["Name"] for m in live.inspect()["Mounts"] if m["Destination"] == "/workspace")
    image = live.inspect_image("agent-claude")
    docker("run", "--rm", "--network", "none", "-u", "1000", "-v", f"{work}:/w", "--entrypoint",
           "sh", image, "-c", "echo changed > /w/notes; echo more > /w/more")  # fmt: skip
    lose(live)
    live.bb("resume", "web")
    assert live.shell("cat /workspace/*").stdout == "thought\n"
    remove_images(live)
    assert freeze["own"]


def test_an_agent_that_has_ended_already_is_frozen_with_its_work(live: Live) -> None:
    live.apply()
    live.shell("echo thought > /workspace/notes")
    docker("kill", live.container())
    live.bb("freeze", "web")
    (freeze,) = live.json("freezes")["freezes"]
    assert freeze["own"] and freeze["frozen"]
    assert live.bb("plan", "--detailed-exitcode").returncode == 0
    lose(live)
    live.bb("resume", "web")
    assert live.shell("cat /workspace/notes").stdout == "thought\n"
    remove_images(live)


def test_a_real_credential_in_a_volume_is_found_told_and_not_copied(live: Live) -> None:
    """The agent cannot have it; a person may have put it there."""
    live.apply()
    live.shell(
        f"echo 'KEY={live.credentials[0]}' > /tmp/.env; cd /tmp; tar cz .env > /workspace/w.tgz"
    )
    done = live.bb("freeze", "web")
    assert "BB7307" in done.stderr and "workspace/w.tgz" in done.stderr
    assert live.inspect()["State"]["Status"] == "exited"
    (freeze,) = live.json("freezes")["freezes"]
    assert freeze["volumes"] is None
    (row,) = [r for r in live.json("audit")["rows"] if r["action"] == "snapshot-refused"]
    assert "ANTHROPIC_API_KEY" in row["detail"]
    live.bb("resume", "web")
    assert live.shell("ls /workspace").stdout == "w.tgz\n", "the bottle itself loses nothing"
    remove_images(live)


def test_a_real_credential_in_a_layer_is_found(live: Live) -> None:
    """Somebody's own image under the name of a snapshot: the scan looks into every layer."""
    live.apply()
    live.bb("freeze", "web")
    (freeze,) = live.json("freezes")["freezes"]
    context = live.work / "planted"
    context.mkdir()
    (context / "key").write_text(f"x {live.credentials[0]} y")
    base = live.inspect_image("agent-claude")
    (context / "Dockerfile").write_text(
        f"FROM {base}\nCOPY key /opt/key\nUSER 0\nRUN rm -f /opt/key\n"
    )
    marks = [f"--label={k}={v}" for k, v in json.loads(docker("image", "inspect", freeze["image"]))
             [0]["Config"]["Labels"].items()]  # fmt: skip
    docker("build", "-q", "--network", "none", "-t", freeze["image"], *marks, str(context))
    done = live.bb("freezes", "--scan", code=1)
    assert "opt/key" in done.stdout and "ANTHROPIC_API_KEY" in done.stdout
    remove_images(live)


CLAUDE = ("claude", "--output-format", "json", "-p")
CODEX = ("codex", "exec", "--skip-git-repo-check", "--json")
TALKS = {
    "claude": ((*CLAUDE, "remember heliotrope"), (*CLAUDE, "which word", "--continue")),
    "codex": ((*CODEX, "remember heliotrope"), (*CODEX, "resume", "--last", "which word")),
}


@pytest.mark.parametrize("template", TALKS)
def test_a_real_program_goes_on_with_its_conversation_from_the_snapshot(
    live: Live, template: str
) -> None:
    """The transcript is in the home volume. Claude Code sends it again; Codex, whose requests the
    scripted provider is too small to keep, names the conversation it goes on with."""
    live.bottle(template=template)
    live.apply()
    first, second = TALKS[template]
    began = live.bb("attach", "web", "--", *first).stdout
    live.bb("freeze", "web")
    lose(live)
    live.bb("resume", "web")
    live.internet.reset()
    went_on = live.bb("attach", "web", "--", *second).stdout
    if template == "codex":
        assert threads(began) == threads(went_on) != []
    else:
        sent = [json.dumps(q["json"]) for q in live.internet.requests() if q["metered"]]
        assert any("which word" in text and "remember heliotrope" in text for text in sent)
    remove_images(live)


def threads(output: str) -> list[str]:
    found = [json.loads(line) for line in output.split("\n") if line.startswith("{")]
    return [f["thread_id"] for f in found if f["type"] == "thread.started"]


def test_what_would_widen_on_a_resume_needs_its_approval_and_nothing_is_lifted_before(
    live: Live,
) -> None:
    live.apply()
    live.bb("freeze", "web")
    live.bottle(extra="egress: {routes: [{host: other.example.org}]}\n")
    refused = live.bb("resume", "web", code=7)
    wanted = f"bb --home {live.home} -C {live.work} resume web --allow widen\n"
    assert "other.example.org" in refused.stdout and wanted in refused.stderr
    assert live.inspect()["State"]["Status"] == "exited"
    assert live.bb("plan", "--detailed-exitcode").returncode == 0, "still frozen"
    live.bb("resume", "web", "--allow", "widen")
    assert live.inspect()["State"]["Status"] == "running"
    remove_images(live)


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
    remove_images(live)


@pytest.mark.parametrize("name", [".wh...", ".wh.notes"])
def test_an_agents_names_neither_veto_a_freeze_nor_lose_a_file(live: Live, name: str) -> None:
    """A layer of an image takes such a name for a removal."""
    live.apply()
    live.shell(f"echo thought > '/workspace/{name}'; echo own > /workspace/notes")
    done = live.bb("freeze", "web")
    assert "BB7309" in done.stderr and name in done.stderr
    (freeze,) = live.json("freezes")["freezes"]
    assert freeze["volumes"] is None
    live.bb("resume", "web")
    assert live.shell("cat /workspace/.wh* /workspace/notes").stdout == "thought\nown\n"
    remove_images(live)


def test_a_file_that_costs_nothing_fills_no_disk(live: Live) -> None:
    live.apply()
    assert (
        live.shell("truncate -s 1T /workspace/big && du -k /workspace/big").stdout.split()[0] < "9"
    )
    done = live.bb("freeze", "web")
    assert "BB7309" in done.stderr and "larger than" in done.stderr
    live.bb("resume", "web")
    assert live.shell("stat -c %s /workspace/big").stdout == "1099511627776\n"
    remove_images(live)
