"""docs/watch.md: systemd takes its unit; its records, metrics and options are those of the code."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from botbottle.model.plan import BudgetRow, Held, Plan
from botbottle.watch.metrics import Metrics
from botbottle.watch.select import decide

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/watch.md").read_text("utf-8")
CODE = "".join(
    p.read_text("utf-8")
    for p in [*(ROOT / "botbottle/watch").glob("*.py"), *(ROOT / "botbottle/cli").glob("watch*.py")]
)


def unit(home: Path) -> str:
    (found,) = re.findall(r"```ini\n(.*?)```", TEXT, re.S)
    return str(found).replace("%h", str(home))


def test_the_unit_says_what_the_text_says(tmp_path: Path) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit(tmp_path))
    service = parser["Service"]
    assert service["Type"] == "notify" and int(service["WatchdogSec"]) >= 60
    assert service["ExecStart"].endswith("bb --progress json watch")
    assert "-HUP" in service["ExecReload"] and service["Restart"] == "always"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = tmp_path / ".local/bin/bb"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    file = tmp_path / "bb-watch.service"

    def verify(text: str) -> str:
        file.write_text(text)
        argv = ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
        return done.stdout + done.stderr

    good = unit(tmp_path)
    assert file.name not in verify(good)
    assert file.name in verify(good.replace("Type=notify", "Type=notfy"))


def events() -> set[str]:
    return set(re.findall(r'"event": "([a-z-]+)"', CODE))


def test_every_event_of_the_log_is_explained() -> None:
    table = TEXT[TEXT.index("| event | meaning |") :]
    table = table[: table.index("\n\n")]
    named = set(re.findall(r"`([a-z-]+)`", "\n".join(r.split("|")[1] for r in table.split("\n"))))
    assert named == events() - {"following", "nobody-enforces"}


def test_every_metric_is_explained() -> None:
    plan = Plan(
        project="p",
        budgets=(BudgetRow("s", "claude", "", 1, 2),),
        held=(Held("web", "kill", "r", "w"),),
    )
    metrics = Metrics({})
    metrics.decided(decide(plan, "safe", frozenset()))
    made = set(re.findall(r"# TYPE (\w+)", metrics.text())) | set(
        re.findall(r'"(bb_watch_\w+)": \(', CODE)
    )
    assert made == set(re.findall(r"`(bb_(?:watch|plan|bottle|budget)_\w+)", TEXT))


def test_every_option_is_explained() -> None:
    for option in re.findall(r'"(--[a-z-]+)"', (ROOT / "botbottle/cli/watch.py").read_text()):
        assert option in TEXT, option
