"""From nothing to running bottles and back, on a real engine."""

from __future__ import annotations

import json
import signal
import sqlite3
import time

import pytest

from tests.support.live import Live, docker, eventually, leaves
from tests.support.recording import recording


def engine_socket() -> str:
    import os

    return os.environ["DOCKER_HOST"].removeprefix("unix://")


def test_a_second_apply_only_reads_and_restarts_nothing(running: Live) -> None:
    before = running.snapshot()
    with recording(engine_socket()) as seen:
        done = running.bb("apply", "--yes", env={"DOCKER_HOST": seen.url})
        assert seen.writes == [] and seen.requests
    assert "Nothing to do" in done.stdout
    assert running.snapshot() == before


def test_plan_works_through_an_engine_that_refuses_every_write(live: Live) -> None:
    with recording(engine_socket()) as seen:
        seen.refuse_writes()
        live.bb("plan", "--detailed-exitcode", code=2, env={"DOCKER_HOST": seen.url})
        live.bb("status", env={"DOCKER_HOST": seen.url})
        assert seen.writes == [] and seen.requests


def test_the_agent_is_hardened_and_holds_no_credential(running: Live) -> None:
    found = running.inspect()
    host = found["HostConfig"]
    assert host["CapDrop"] == ["ALL"] and not host["Privileged"] and host["ReadonlyRootfs"]
    assert any("no-new-privileges" in o for o in host["SecurityOpt"])
    assert found["Config"]["User"] == "1000:1000" and host["Init"]
    assert len(found["NetworkSettings"]["Networks"]) == 1
    for kind in ("agent", "egress"):
        texts = leaves(running.inspect("web", kind))
        assert not [t for t in texts if any(c in t for c in running.credentials)]
    env = running.shell("env").stdout
    assert "placeholder" in env and not any(c in env for c in running.credentials)


def test_the_real_credential_is_injected_on_the_way_out(running: Live) -> None:
    answer = running.client("claude")[0]
    assert answer["status"] == 200 and answer["complete"]
    seen = running.internet.requests("api.anthropic.com")[-1]
    assert seen["auth"]["x-api-key"] == running.env["ANTHROPIC_API_KEY"]
    assert "placeholder" not in json.dumps(seen["headers"])


def test_an_unlisted_host_is_refused_and_never_reached(running: Live) -> None:
    answer = running.client("get", "https://other.example.org/echo")[0]
    assert answer["status"] == 403
    assert answer["body"]["code"] and "other.example.org" in json.dumps(answer["body"])
    assert running.internet.requests("other.example.org") == []
    # The positive control: the same request is answered once a route allows it.
    running.bottle(extra="egress: {routes: [{host: other.example.org}]}\n")
    running.apply()
    assert running.client("get", "https://other.example.org/echo")[0]["status"] == 200


def test_a_route_change_is_live_without_restarting_anything(running: Live) -> None:
    before = running.snapshot()
    running.bottle(extra="egress: {routes: [{host: api.example.org}]}\n")
    running.apply()
    assert running.snapshot() == before
    assert running.client("get", "https://api.example.org/echo")[0]["status"] == 200
    running.bottle()
    running.apply()
    assert running.client("get", "https://api.example.org/echo")[0]["status"] == 403


def test_the_ledger_equals_what_the_upstream_sent(live: Live) -> None:
    live.bottle("cx", "codex")
    live.agent("cod", "cx")
    live.apply()
    for name, kind in (("web", "claude"), ("cod", "codex"), ("cod", "chat")):
        assert all(a["status"] == 200 for a in live.client(kind, "--count", "3", bottle=name))
    sent = {r["id"]: r["usage"] for q in live.internet.requests() for r in q["responses"]}
    assert len(sent) == 9
    rows = {r["account"].split("/")[-1]: r for r in live.json("usage")["rows"]}
    for cls in ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output"):
        assert sum(r[cls] for r in rows.values()) == sum(u.get(cls, 0) for u in sent.values()), cls
    assert rows["web"]["requests"] == 3 and rows["cod"]["requests"] == 6


def test_destroy_leaves_nothing_and_names_the_images_it_keeps(running: Live) -> None:
    done = running.bb("destroy", "--yes")
    assert running.containers() == []
    mine = ("--filter", f"label=dev.botbottle.home={running.home_id}", "-q")
    assert docker("network", "ls", *mine) == "" and docker("volume", "ls", *mine) == ""
    assert "botbottle/sidecar" in done.stderr


def test_replacing_the_agent_keeps_its_home_and_workspace(running: Live) -> None:
    running.shell("echo kept > /workspace/a; echo kept > /home/agent/b")
    first = running.container()
    running.agent(extra="skills: []\nbudget: {claude: 5M}\n")
    running.write("agents/web.md", "---\nbottle: base\nstate: started\n---\nanother prompt\n")
    running.apply()
    assert running.container() != first
    assert running.shell("cat /workspace/a /home/agent/b").stdout == "kept\nkept\n"
    assert "another prompt" in running.shell("cat /home/agent/.claude/CLAUDE.md").stdout


class TestFaults:
    def test_a_missing_credential_is_named_before_anything_is_written(self, live: Live) -> None:
        done = live.apply(code=3, env={"ANTHROPIC_API_KEY": ""})
        assert "ANTHROPIC_API_KEY" in done.stderr and live.containers() == []

    def test_no_engine(self, live: Live) -> None:
        done = live.bb("plan", code=8, env={"DOCKER_HOST": "unix:///nonexistent.sock"})
        assert "BB8001" in done.stderr and "next:" in done.stderr

    def test_a_strangers_container_with_our_name_is_left_alone(self, live: Live) -> None:
        from botbottle.planner.names import names

        taken = names(live.home_id, "home", "web").egress
        docker("create", "--name", taken, live.inspect_image("sidecar"), "true")
        try:
            done = live.apply(code=8)
            assert taken in done.stderr and live.containers() == []
            assert docker("inspect", "-f", "{{.Name}}", taken) == f"/{taken}"
        finally:
            docker("rm", "-f", taken)

    def test_widening_is_not_covered_by_yes(self, live: Live) -> None:
        done = live.bb("apply", "--yes", code=7)
        assert "--allow widen" in done.stderr and live.containers() == []

    def test_without_a_terminal_there_is_no_question(self, live: Live) -> None:
        assert "--yes" in live.bb("apply", code=7).stderr

    def test_a_digest_approves_exactly_one_plan(self, live: Live) -> None:
        digest = live.json("plan")["digest"]
        live.bottle(extra="egress: {routes: [{host: api.example.org}]}\n")
        assert "BB5000" in live.bb("apply", "--approve", digest, code=5).stderr
        live.bottle()
        live.bb("apply", "--approve", digest)

    def test_the_lock_is_held_by_one_apply(self, live: Live) -> None:
        from botbottle.locking import project_lock
        from botbottle.model.paths import HomePaths

        with project_lock(HomePaths(str(live.home)).lock("home"), "test"):
            assert "BB6000" in live.apply(code=6).stderr

    def test_a_corrupt_ledger_is_said_and_kept(self, running: Live) -> None:
        file = running.home / "ledger/bot-bottle.db"
        docker("stop", running.containers(kind="ledger")[0])
        for tail in ("-wal", "-shm"):
            file.with_name(file.name + tail).unlink(missing_ok=True)
        file.write_bytes(b"not a database" * 100)
        done = running.bb("plan", code=1)
        assert "BB3002" in done.stderr and file.read_bytes().startswith(b"not a database")

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_an_interrupt_finishes_what_is_in_flight_and_the_next_run_resumes(
        self, live: Live, number: signal.Signals, code: int
    ) -> None:
        with recording(engine_socket()) as seen:
            gate = seen.hold("POST /containers/create")
            live.env["DOCKER_HOST"] = seen.url
            run = live.start("apply", "--yes", "--allow", "widen")
            eventually(lambda: any("containers/create" in str(w) for w in seen.writes), 60)
            run.send_signal(number)
            assert run.stdout is not None
            assert any("Ctrl-C again" in line for line in iter(run.stdout.readline, ""))
            gate.set()
            output, _ = run.communicate(timeout=60)
            assert run.returncode == code and "not started\n" in output, output
            assert "interrupted:" in output and "the same command goes on" in output
        assert self.journal_is_whole(live)
        live.env["DOCKER_HOST"] = f"unix://{engine_socket()}"
        live.apply()
        assert len(live.containers("web")) == 2
        assert live.client("claude")[0]["status"] == 200

    def journal_is_whole(self, live: Live) -> bool:
        """Every intent of the interrupted run has its outcome: nothing was cut off."""
        with sqlite3.connect(live.home / "ledger/bot-bottle.db") as db:
            outcomes = [row[0] for row in db.execute("SELECT outcome FROM journal")]
        return bool(outcomes) and all(outcomes)

    @pytest.mark.parametrize("write", [2, 5, 8, 10])
    def test_kill_9_of_an_apply_then_a_plain_re_run(self, live: Live, write: int) -> None:
        with recording(engine_socket()) as seen:
            live.env["DOCKER_HOST"] = seen.url
            started: list[int] = []
            seen.kill_at(write, lambda: started[0], when="after")
            run = live.start("apply", "--yes", "--allow", "widen")
            started.append(run.pid)
            run.communicate(timeout=90)
            assert run.returncode == -signal.SIGKILL
        live.env["DOCKER_HOST"] = f"unix://{engine_socket()}"
        live.apply()
        assert len(live.containers("web")) == 2
        assert live.client("claude")[0]["status"] == 200

    def test_a_killed_sidecar_fails_closed_and_watch_restores_it(self, running: Live) -> None:
        script = json.dumps({"output": 4000, "delay": 0.4})
        stream = running.start_client("claude", "--script", script)
        eventually(lambda: running.internet.requests("api.anthropic.com"), 10)
        time.sleep(0.3)
        docker("kill", "-s", "KILL", running.container(kind="egress"))
        output, _ = stream.communicate(timeout=60)
        line = json.loads(output.splitlines()[-1])
        assert line.get("error") or line["status"] != 200
        running.bb("watch", "--once")
        assert running.client("claude")[0]["status"] == 200
        assert running.bb("plan", "--detailed-exitcode").returncode == 0
