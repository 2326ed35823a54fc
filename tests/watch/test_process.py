"""``bb watch`` as a process: how it starts, ends and is told things."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from botbottle.ledger import open_ledger
from botbottle.locking import project_lock
from botbottle.model.paths import HomePaths
from tests.support.live import eventually
from tests.watch.conftest import AGENT, PATIENCE, Watching
from tests.watch.processes import files, lease


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order_when_told(watching: Watching, number: signal.Signals) -> None:
    beat = watching.work / "beat"
    watch = watching.start("watch", "--heartbeat", str(beat))
    watch.saw("pass")
    assert json.loads(beat.read_text())["pid"] == watch.run.pid
    assert lease(watching).expires > 0  # type: ignore[attr-defined]
    assert watch.end(number) == 0
    assert lease(watching).expires == 0  # type: ignore[attr-defined]
    assert not beat.exists() and watch.records()[-1]["event"] == "stopped"
    ledger = open_ledger(HomePaths(str(watching.home)).ledger_db, create=False, read_only=True)
    assert ledger.journal(unfinished=True) == ()
    ledger.close()
    assert watching.engine.writes == []


def test_the_heartbeat_moves_while_nothing_happens(watching: Watching) -> None:
    beat = watching.work / "beat"
    watch = watching.start("watch", "--heartbeat", str(beat))
    watch.saw("pass")
    first = beat.stat().st_mtime_ns
    eventually(lambda: beat.stat().st_mtime_ns > first, PATIENCE)
    assert watch.end() == 0


@pytest.mark.parametrize("place", ["missing/beat", "file/beat"])
def test_a_heartbeat_that_cannot_be_is_refused_before_anything_starts(
    watching: Watching, place: str
) -> None:
    (watching.work / "file").touch()
    ran = watching.bb("watch", "--once", "--heartbeat", str(watching.work / place))
    assert ran.returncode == 64 and "--heartbeat" in ran.stderr
    assert not watching.engine.reads


def test_systemd_is_told_when_it_enforces_and_that_it_lives(watching: Watching) -> None:
    name = f"/tmp/bb-notify-{os.getpid()}"
    Path(name).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name)
        manager.settimeout(PATIENCE)
        watch = watching.start("watch", NOTIFY_SOCKET=name)
        assert manager.recv(200).startswith(b"READY=1")
        assert manager.recv(200) == manager.recv(200) == b"WATCHDOG=1"
        assert watch.end() == 0
        while (text := manager.recv(200)) == b"WATCHDOG=1":
            pass
        assert text == b"STOPPING=1"
    Path(name).unlink()


def test_sighup_reads_again_and_broken_manifests_change_nothing(watching: Watching) -> None:
    watch = watching.start("watch")
    watch.saw("pass")
    watching.manifest("agents/web.md", "---\nbottle: nonsense\n---\n")
    watch.tell(signal.SIGHUP)
    (invalid, *_) = watch.saw("manifests-invalid")
    assert "last good" in invalid["kept"] and "nonsense" in invalid["why"]
    watch.tell(signal.SIGHUP)
    held = eventually(lambda: [r for r in watch.records("pass") if "manifests" in r], PATIENCE)
    assert held[0]["manifests"] == "last good"
    watching.manifest("agents/web.md", AGENT)
    watch.saw("manifests-loaded")
    assert watch.end() == 0


def test_a_signal_storm_costs_nothing_but_passes(watching: Watching) -> None:
    watch = watching.start("watch")
    watch.saw("pass")
    for _ in range(300):
        watch.tell(signal.SIGHUP)
    before = len(watch.records("pass"))
    watch.tell(signal.SIGHUP)
    eventually(lambda: len(watch.records("pass")) > before, PATIENCE)
    assert not watch.records("bug") and watch.end() == 0


def test_a_second_one_is_refused_and_may_read_along(watching: Watching) -> None:
    first = watching.start("watch")
    first.saw("pass")
    second = watching.bb("watch")
    assert second.returncode == 6 and f"process {first.run.pid}" in second.stderr
    assert "--follow" in second.stderr
    follower = watching.start("watch", "--follow")
    assert str(first.run.pid) in follower.saw("following")[0]["enforcing"]
    assert follower.records("pass")[0] == first.records("pass")[0]
    first.tell(signal.SIGHUP)
    follower.saw("pass", len(first.records("pass")) + 1)
    assert first.end() == 0
    follower.saw("nobody-enforces")
    third = watching.start("watch")
    follower.saw("following", 2)
    follower.saw("started", 2)
    assert third.end() == 0 and follower.end() == 0


def test_a_follower_writes_nothing_and_needs_no_engine(watching: Watching) -> None:
    watch = watching.start("watch")
    watch.saw("pass")
    assert watch.end() == 0
    before, asked = files(watching.home), len(watching.engine.reads)
    watching.engine.stop()
    follower = watching.start("watch", "--follow")
    follower.saw("nobody-enforces")
    assert follower.end() == 0
    assert files(watching.home) == before and len(watching.engine.reads) == asked


@pytest.mark.parametrize("option", ["--once", "--record=x", "--metrics=0"])
def test_a_follower_takes_no_task(watching: Watching, option: str) -> None:
    ran = watching.bb("watch", "--follow", option)
    assert ran.returncode == 64 and "--follow" in ran.stderr


def test_one_pass_says_by_its_code_what_became_of_it(watching: Watching) -> None:
    assert watching.bb("watch", "--once").returncode == 0
    with project_lock(HomePaths(str(watching.home)).lock("home"), "apply"):
        assert watching.bb("watch", "--once").returncode == 0, "nothing to do needs no lock"
    watching.engine.status = 500
    assert watching.bb("watch", "--once").returncode not in (0, 6)
    watching.engine.stop()
    ran = watching.bb("watch", "--once")
    assert ran.returncode == 8 and "BB8001" in ran.stderr


def test_metrics_are_served_while_it_runs(watching: Watching) -> None:
    watch = watching.start("watch", "--metrics", "0")
    address = watch.saw("metrics")[0]["address"]
    watch.saw("pass")
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=PATIENCE) as answer:
        text = answer.read().decode()
    assert "bb_watch_bottles 1\n" in text and 'bb_watch_passes_total{result="idle"} ' in text
    assert "bb_watch_manifests_valid 1\n" in text
    assert watch.end() == 0


def test_metrics_for_the_world_are_refused_before_anything_starts(watching: Watching) -> None:
    ran = watching.bb("watch", "--metrics", "0.0.0.0:9464")
    assert ran.returncode == 64 and not watching.engine.reads


def test_a_recording_is_replayed_without_an_engine(watching: Watching) -> None:
    file = watching.work / "flight.jsonl"
    watch = watching.start("watch", "--record", str(file))
    watch.saw("pass", 2)
    watching.manifest("agents/db.md", AGENT)
    watch.saw("manifests-loaded")
    watch.saw("pass", 3)
    assert watch.end() == 0
    watching.engine.stop()
    ran = watching.bb("replay", str(file))
    assert ran.returncode == 0, ran.stderr
    assert "0 planned otherwise" in ran.stderr and ran.stdout.count("same plan") >= 3
    assert "ends" not in ran.stderr
    lines = watching.bb("replay", str(file), "--json").stdout.splitlines()
    assert [json.loads(line)["pass"] for line in lines] == list(range(1, len(lines) + 1))
    assert watching.bb("replay", str(file), "--pass", "999").returncode == 64
    assert watching.bb("replay", str(watching.work / "nothing")).returncode == 64
    assert "sk-real-watched" not in file.read_text()


@pytest.mark.parametrize("place", ["events", "-"])
def test_events_of_its_runs_are_written(watching: Watching, place: str) -> None:
    watching.manifest("agents/web.md", AGENT.replace("stopped", "started"))
    file = watching.work / place
    watch = watching.start(
        "--events", "-" if place == "-" else str(file), "watch", "--auto-apply", "all"
    )
    written = watch.log if place == "-" else file

    def told() -> list[dict[str, str]]:
        whole = written.read_text().rpartition("\n")[0] if written.exists() else ""
        events = [json.loads(line) for line in whole.splitlines()]
        return [r for r in events if r.get("type") in ("version", "RunStarted", "OpDone")]

    def ended() -> bool:  # at once, and not when the container that nobody made is given up
        watch.tell(signal.SIGTERM)
        return watch.run.poll() is not None

    eventually(lambda: any(r.get("op_id") == "register:web" for r in told()), PATIENCE)
    eventually(ended, PATIENCE)
    assert [r["type"] for r in told()[:2]] == ["version", "RunStarted"]


def test_a_reader_of_another_watch_has_no_events(watching: Watching) -> None:
    ran = watching.bb("--events", str(watching.work / "events"), "watch", "--follow")
    assert ran.returncode == 64 and "no events" in ran.stderr


def test_a_replay_numbers_passes_as_the_log_does(watching: Watching) -> None:
    """A pass that could not look at the engine has a number in the log, and no plan."""
    file = watching.work / "flight.jsonl"
    watching.engine.status = 500
    watch = watching.start("watch", "--record", str(file))
    watch.saw("failed", 2)
    watching.engine.status = 200
    watch.saw("pass")
    assert watch.end() == 0
    lines = watching.bb("replay", str(file), "--json").stdout.splitlines()
    logged = [r["pass"] for r in watch.records("pass")]
    assert [json.loads(line)["pass"] for line in lines] == logged and logged[0] > 2


def test_of_a_killed_watch_what_it_recorded_is_replayed_and_where_it_ends_is_said(
    watching: Watching,
) -> None:
    file = watching.work / "flight.jsonl"
    watch = watching.start("watch", "--record", str(file))
    watch.saw("pass")
    assert watch.end(signal.SIGKILL) == -signal.SIGKILL
    whole = file.read_text()
    count = whole.count("\n")
    ran = watching.bb("replay", str(file))
    assert ran.returncode == 0 and ran.stdout.count("same plan") == 1
    assert f"ends at line {count}, the watch was killed" in ran.stderr
    file.write_text(whole + '{"type":"input","digest":"12')
    ran = watching.bb("replay", str(file))
    assert ran.returncode == 0 and ran.stdout.count("same plan") == 1
    assert f"ends at line {count + 1}, not whole: the watch was killed" in ran.stderr
    file.write_text(whole + "what is no line\n" + whole.partition("\n")[2])
    ran = watching.bb("replay", str(file))
    assert ran.returncode == 64 and "1 passes (1 plans)" in ran.stderr
    assert f"line {count + 1} is damaged" in ran.stderr
    file.write_text(whole[:20])
    ran = watching.bb("replay", str(file))
    assert ran.returncode == 64 and "first line is not whole" in ran.stderr


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_the_tmux_recipe_keeps_a_watch_running(watching: Watching) -> None:
    server = ("tmux", "-S", f"/tmp/bb-tmux-{os.getpid()}", "-f", "/dev/null")
    log = watching.home / "run/log/watch-home.jsonl"
    command = " ".join(watching.argv("watch"))
    env = watching.environ | {"TERM": "xterm"}

    def started() -> int:
        return log.read_text().count('"event": "started"') if log.exists() else 0

    try:
        subprocess.run([*server, "new-session", "-d", "-s", "bb-watch",
                        f"while :; do {command}; sleep 2; done"], env=env, check=True)  # fmt: skip
        eventually(started, PATIENCE)
        shown = lambda: subprocess.run(  # noqa: E731
            [*server, "capture-pane", "-p", "-t", "bb-watch"], env=env, text=True,
            capture_output=True, check=True,
        ).stdout  # fmt: skip
        eventually(lambda: "pass" in shown(), PATIENCE)
        assert "{" not in shown(), "a terminal gets lines for people"
        lock = json.loads((watching.home / "run/locks/home.watch.lock").read_text())
        assert lock["pane"].startswith("%")
        os.kill(lock["pid"], signal.SIGKILL)
        eventually(lambda: started() >= 2, PATIENCE)
    finally:
        subprocess.run([*server, "kill-server"], env=env, check=False)
    eventually(lambda: '"event": "stopped"' in log.read_text(), PATIENCE)
