"""The log: whole lines to every sink, bounded on disk, and never a reason to stop enforcing."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from botbottle.ui import events as e
from botbottle.watch.log import Log, LogFile, line_of, lines, log_path, op_record

ABOUT = {"ts": 1.0, "op_id": "start:web/agent", "op": "StartContainer", "resource": "web/agent",
         "bottle": "web"}  # fmt: skip


def test_a_record_is_stamped_and_goes_to_every_sink() -> None:
    out, seen = io.StringIO(), list[dict[str, Any]]()
    Log([lines(out), seen.append], clock=lambda: 1_800_000_000.25)({"event": "pass", "pass": 1})
    assert json.loads(out.getvalue()) == seen[0] == {
        "ts": "2027-01-15T08:00:00.250Z", "level": "info", "event": "pass", "pass": 1,
    }  # fmt: skip


@pytest.mark.parametrize("error", [OSError("gone"), ValueError("I/O operation on closed file")])
def test_a_terminal_that_went_away_costs_its_lines_only(error: Exception) -> None:
    def gone(_record: dict[str, Any]) -> None:
        raise error

    seen: list[dict[str, Any]] = []
    Log([gone, seen.append])({"event": "pass"})
    assert seen[0]["event"] == "pass"


def test_a_sink_may_log_about_itself() -> None:
    seen: list[str] = []
    log = Log([])

    def sink(record: dict[str, Any]) -> None:
        seen.append(record["event"])
        if record["event"] == "pass":
            log({"event": "full"})

    log._sinks.append(sink)
    worker = threading.Thread(target=log, args=({"event": "pass"},), daemon=True)
    worker.start()
    worker.join(30)
    assert seen == ["pass", "full"]


def test_the_file_is_private_and_keeps_one_older_file(tmp_path: Path) -> None:
    path = log_path(tmp_path, "p")
    file = LogFile(path, limit=200)
    for number in range(100):
        file({"event": "pass", "pass": number})
    file.close()
    old = path.with_name(path.name + ".1")
    assert path.stat().st_mode & 0o777 == old.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size + old.stat().st_size < 500
    kept = [json.loads(line)["pass"] for f in (old, path) for line in f.read_text().splitlines()]
    assert kept == list(range(kept[0], 100)), "the newest, whole and in order"


def test_a_restarted_watch_writes_on(tmp_path: Path) -> None:
    for number in (1, 2):
        file = LogFile(tmp_path / "log")
        file({"n": number})
        file.close()
    assert [json.loads(line)["n"] for line in (tmp_path / "log").read_text().splitlines()] == [1, 2]


def test_people_get_a_line_without_noise() -> None:
    record = {"ts": "2027-01-15T08:00:00.250Z", "level": "warning", "event": "damped",
              "bottle": "web", "trigger": ["web", "db"], "next": "bb resume-watch web"}  # fmt: skip
    assert line_of(record) == (
        '08:00:00  warning: damped  bottle=web trigger=web,db next="bb resume-watch web"'
    )


def test_only_the_ends_of_operations_are_logged() -> None:
    done = op_record(e.OpDone(**ABOUT, seconds=0.5))
    failed = op_record(e.OpFailed(**ABOUT, code="BB8001", message="m", hint="", best_effort=False))
    blocked = op_record(e.OpBlocked(**ABOUT, why="fenced"))
    assert done and failed and blocked
    assert (done["outcome"], failed["level"], blocked["why"]) == ("done", "error", "fenced")
    assert op_record(e.OpStarted(**ABOUT, reason="r")) is None


def test_what_is_to_be_known_besides_is_logged_with_its_level() -> None:
    """A stop that could not be recorded, a snapshot without its volumes: nobody sees the terminal
    of a watch."""
    note = op_record(e.Note(ts=1.0, level="warning", message="not recorded: stop:web"))
    assert note == {"event": "note", "level": "warning", "message": "not recorded: stop:web"}
    assert "warning: note" in line_of({"ts": "2027-01-15T08:00:00Z", **note})


def test_a_log_that_cannot_be_made_costs_no_watch_and_is_made_when_it_can(tmp_path: Path) -> None:
    blocked = tmp_path / "run"
    blocked.write_text("a file where a directory should be")
    file = LogFile(blocked / "log/watch.jsonl")
    log = Log([file])
    log({"event": "lost"})
    blocked.unlink()
    log({"event": "kept"})
    file.close()
    log({"event": "after the end"})
    (line,) = (blocked / "log/watch.jsonl").read_text().splitlines()
    assert json.loads(line)["event"] == "kept"
