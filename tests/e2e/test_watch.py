"""``bb watch`` on a real engine: what somebody breaks is repaired, whatever else happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from botbottle.ledger import open_ledger
from botbottle.model.paths import HomePaths
from tests.support.live import Live, docker, eventually
from tests.support.recording import Recorder, recording

PATIENCE = 120  # seconds: a bound for a broken test, never what is tested


@dataclass
class Watched:
    """A running ``bb watch`` and its log."""

    live: Live
    run: subprocess.Popen[str]
    file: Path

    def records(self, event: str = "") -> list[dict[str, Any]]:
        if not self.file.exists():
            return []
        lines = self.file.read_text().splitlines()
        found = [json.loads(line) for line in lines if line.endswith("}")]
        return [r for r in found if not event or r["event"] == event]

    def until(self, check: Callable[[], object]) -> object:
        def alive() -> object:
            found = check()
            assert found or self.run.poll() is None, f"the watch ended: {self.records()[-5:]}"
            return found

        return eventually(alive, PATIENCE)

    def saw(self, event: str, times: int = 1) -> list[dict[str, Any]]:
        self.until(lambda: len(self.records(event)) >= times)
        return self.records(event)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.run.send_signal(number)
        self.run.communicate(timeout=PATIENCE)
        return self.run.returncode


@pytest.fixture
def watch(running: Live) -> Iterator[Callable[..., Watched]]:
    """Starts watches on a bottle that runs; ends what is left of them."""
    started: list[Watched] = []

    def start(*args: str, url: str = "") -> Watched:
        if url:
            running.env["DOCKER_HOST"] = url
        file = running.home / "run/log/watch-home.jsonl"
        passes = len(Watched(running, None, file).records("started"))  # type: ignore[arg-type]
        made = Watched(running, running.start("watch", *args), file)
        started.append(made)
        made.saw("started", passes + 1)
        return made

    yield start
    for found in started:
        if found.run.poll() is None:
            found.run.kill()
        found.run.communicate(timeout=PATIENCE)


def state(live: Live, kind: str = "agent") -> str:
    found = live.containers("web", kind)
    return docker("inspect", "-f", "{{.State.Status}}", found[0]) if len(found) == 1 else "none"


def settled(live: Live) -> bool:
    return live.bb("plan", "--detailed-exitcode", code=None).returncode == 0


def unfinished(live: Live) -> int:
    ledger = open_ledger(HomePaths(str(live.home)).ledger_db, create=False, read_only=True)
    try:
        return len(ledger.journal(unfinished=True))
    finally:
        ledger.close()


def fight(live: Live, seen: Watched) -> None:
    """Kill the agent whenever it runs, until the watch gives up."""
    while not seen.records("damped"):
        seen.until(lambda: state(live) == "running" or seen.records("damped"))
        docker("kill", live.container(), check=False)


def in_a_repair(live: Live, watch: Callable[..., Watched], proxy: Recorder) -> Watched:
    """A watch that makes a lost bottle anew, while the engine takes its time over a create."""
    seen = watch(url=proxy.url)
    proxy.delay("POST /containers/create", 5.0, times=1)
    docker("rm", "-f", live.container(), live.container(kind="egress"))
    seen.until(lambda: any("/containers/create" in str(r) for r in proxy.writes))
    return seen


def test_what_somebody_breaks_is_repaired_and_the_flight_can_be_replayed(
    running: Live, watch: Callable[..., Watched], tmp_path: Path
) -> None:
    flight = tmp_path / "flight.jsonl"
    seen = watch("--record", str(flight))
    first = running.container()
    docker("kill", first)
    seen.until(lambda: state(running) == "running")
    assert running.container() == first, "started again, not made anew"
    (network,) = running.inspect()["NetworkSettings"]["Networks"]
    docker("network", "disconnect", "-f", network, running.container())
    seen.until(lambda: list(running.inspect()["NetworkSettings"]["Networks"]) == [network])
    docker("rm", "-f", running.container(kind="egress"))
    seen.until(lambda: state(running, "egress") == "running")
    seen.until(lambda: settled(running))
    assert running.apply().returncode == 0, "an apply is not locked out by a watch"
    assert running.client("claude")[0]["status"] == 200
    assert seen.end() == 0 and not seen.records("bug") and unfinished(running) == 0
    running.env["DOCKER_HOST"] = "unix:///nonexistent.sock"
    again = running.bb("replay", str(flight))
    assert "0 planned otherwise" in again.stderr
    flown = [
        json.loads(line) for line in running.bb("replay", str(flight), "--json").stdout.splitlines()
    ]
    worked = {r["pass"] for r in seen.records("pass") if r["allowed"]}
    assert {r["pass"] for r in flown if r["look"] == 2} == worked != set(), (
        "looked again under the lock"
    )
    assert {r["pass"] for r in seen.records("pass")} <= {r["pass"] for r in flown}
    assert not any(c in flight.read_text() for c in running.credentials)
    assert "start:web/agent" in "".join(json.dumps(r) for r in seen.records("op"))


def test_a_fight_is_given_up_loudly_and_taken_up_again_when_told(
    running: Live, watch: Callable[..., Watched]
) -> None:
    seen = watch()
    fight(running, seen)
    assert seen.records("damped")[0]["next"] == "bb resume-watch web"
    docker("kill", running.container(), check=False)
    passes = len(seen.records("pass"))
    seen.run.send_signal(signal.SIGHUP)
    seen.saw("pass", passes + 1)
    assert state(running) == "exited", "it keeps its hands off"
    running.bb("resume-watch", "web")
    seen.until(lambda: state(running) == "running")
    assert seen.end() == 0


def test_a_signal_in_the_middle_of_a_pass_ends_it_after_the_operation_in_flight(
    running: Live, watch: Callable[..., Watched]
) -> None:
    with recording(os.environ["DOCKER_HOST"]) as proxy:
        seen = in_a_repair(running, watch, proxy)
        assert seen.end() == 0
        made = [r for r in proxy.writes if "/containers/create" in str(r)]
    assert len(made) >= 1 and unfinished(running) == 0, "no journal is left open"
    ops = {r["outcome"] for r in seen.records("op")}
    assert "done" in ops and "not started" in ops
    running.env["DOCKER_HOST"] = os.environ["DOCKER_HOST"]
    running.bb("watch", "--once")
    assert settled(running) and state(running) == "running"


def test_a_lease_taken_away_in_the_middle_of_a_pass_stops_the_rest_of_it(
    running: Live, watch: Callable[..., Watched]
) -> None:
    """Fencing: somebody else enforces now, so no further operation is started."""
    ledger = open_ledger(HomePaths(str(running.home)).ledger_db, create=False, read_only=False)
    with recording(os.environ["DOCKER_HOST"]) as proxy:
        seen = in_a_repair(running, watch, proxy)
        with ledger.batch():  # it renews every few seconds: nothing may come in between
            mine = ledger.lease("watch/home")
            assert mine is not None
            ledger.drop_lease("watch/home", mine.epoch)
            assert ledger.acquire_lease("watch/home", "elsewhere:1", ttl=3600, now=time.time())
        seen.run.communicate(timeout=PATIENCE)
    assert seen.run.returncode == 6
    assert "fenced" in {r.get("why") for r in seen.records("op")}
    assert state(running) != "running" and unfinished(running) == 0
    held = ledger.lease("watch/home")
    assert held is not None and held.holder == "elsewhere:1"
    ledger.drop_lease("watch/home", held.epoch)
    ledger.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("write", [1, 4])
def test_a_watch_killed_in_a_repair_is_finished_by_its_successor(
    running: Live, watch: Callable[..., Watched], write: int, when: str
) -> None:
    with recording(os.environ["DOCKER_HOST"]) as proxy:
        first = watch(url=proxy.url)
        proxy.clear()
        proxy.kill_at(write, lambda: first.run.pid, when)
        docker("rm", "-f", running.container(), running.container(kind="egress"))
        assert first.run.wait(PATIENCE) == -9
    running.env["DOCKER_HOST"] = os.environ["DOCKER_HOST"]
    second = watch()
    second.until(lambda: state(running) == state(running, "egress") == "running")
    second.until(lambda: settled(running))
    assert running.client("claude")[0]["status"] == 200
    assert second.end() == 0


def test_an_engine_that_went_away_is_caught_up_with(
    running: Live, watch: Callable[..., Watched]
) -> None:
    """Nobody tells what happened while the stream was cut: a container died meanwhile."""
    with recording(os.environ["DOCKER_HOST"]) as proxy:
        seen = watch(url=proxy.url)
        seen.saw("engine-connected")
        proxy.stop()
        seen.saw("engine-lost")
        docker("kill", running.container())
        proxy.start()
        seen.saw("engine-connected", 2)
        seen.until(lambda: state(running) == "running")
        assert seen.end() == 0


def test_failing_and_slow_answers_are_waited_out(
    running: Live, watch: Callable[..., Watched]
) -> None:
    with recording(os.environ["DOCKER_HOST"]) as proxy:
        seen = watch(url=proxy.url)
        proxy.fail("GET /containers/json", times=3)
        proxy.delay("GET /networks", 3.0, times=1)
        proxy.fail("POST /containers/.*/start", status=503, times=2)
        docker("kill", running.container())
        seen.until(lambda: state(running) == "running")
        assert seen.end() == 0


def test_an_order_is_carried_out_although_somebody_fights_over_the_bottle(
    running: Live, watch: Callable[..., Watched]
) -> None:
    """The damper gives up repairs, never enforcement."""
    seen = watch()
    fight(running, seen)
    ledger = open_ledger(HomePaths(str(running.home)).ledger_db, create=False, read_only=False)
    ledger.hold("home/web", "kill", by="test", reason="enough", now=time.time())
    ledger.close()
    seen.until(lambda: running.containers("web") == [])
    seen.until(lambda: any(r["action"] == "enforce" for r in running.json("audit")["rows"]))
    assert seen.end() == 0


def test_reading_along_sees_the_repair_and_sends_nothing(
    running: Live, watch: Callable[..., Watched], tmp_path: Path
) -> None:
    seen = watch()
    with recording(os.environ["DOCKER_HOST"]) as proxy:
        follower = subprocess.Popen(
            running.argv("watch", "--follow"), env={**running.env, "DOCKER_HOST": proxy.url},
            text=True, stdout=(tmp_path / "out").open("w"), stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            docker("kill", running.container())
            seen.until(lambda: '"start:web/agent"' in (tmp_path / "out").read_text())
        finally:
            follower.terminate()
            assert follower.wait(PATIENCE) == 0
        assert proxy.requests == []
    assert seen.end() == 0
