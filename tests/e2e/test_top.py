"""``bb top`` in a real terminal (tmux) on a real fleet: seen, steered, and also as JSON."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator

import pytest

pytest.importorskip("textual", reason="the extra botbottle[top] is not installed")

from tests.support.live import ROOT, Live, eventually

needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


class Terminal:
    """One tmux server of our own, with one window."""

    def __init__(self, name: str) -> None:
        self.name = name

    def tmux(self, *args: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-L", self.name, "-f", "/dev/null", *args],
            check=False, text=True, capture_output=True, timeout=20, env=env,
        )  # fmt: skip
        return done.stdout

    def run(self, live: Live, *args: str, width: int = 120, height: int = 40) -> None:
        size = ("-x", str(width), "-y", str(height))
        env = {**live.env, "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        env = {key: value for key, value in env.items() if key not in ("COLUMNS", "LINES")}
        command = f"cd {ROOT} && exec {shlex.join(live.argv('top', *args))}"
        self.tmux("-u", "new-session", "-d", *size, command, env=env)

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p")

    def sees(self, *words: str, seconds: float = 20) -> str:
        def found() -> str:
            shown = self.screen()
            return shown if all(w in shown for w in words) else ""

        try:
            return str(eventually(found, seconds))
        except AssertionError as gone:
            raise AssertionError(f"{words} are not all on the screen:\n{self.screen()}") from gone

    def keys(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def ended(self) -> bool:
        return not self.tmux("list-sessions").strip()


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal(f"bb-top-{os.getpid()}")
    yield made
    made.tmux("kill-server")


@needs_tmux
def test_an_operator_sees_the_fleet_and_cuts_a_bottle_off(
    running: Live, terminal: Terminal
) -> None:
    terminal.run(running)
    shown = terminal.sees("web", "● running")
    assert not any(c in shown for c in running.credentials)
    terminal.keys("c")
    terminal.sees("$ bb cutoff web", "Confirm")
    terminal.keys("Escape")
    terminal.sees("● running")
    assert running.json("status")["bottles"][0]["held"] is None, "Escape changed something"
    terminal.keys("c")
    terminal.sees("$ bb cutoff web")
    terminal.keys("y")
    terminal.sees("✂ cut off", seconds=60)
    assert running.json("status")["bottles"][0]["held"]["policy"] == "cutoff"
    terminal.sees("cutoff web: done", seconds=60)
    terminal.keys("r")
    terminal.sees("$ bb release web")
    terminal.keys("y")
    terminal.sees("● running", seconds=60)
    terminal.keys("d")
    detail = terminal.sees("routes:", "api.anthropic.com", "audit:", "release")
    assert not any(c in detail for c in running.credentials)
    terminal.keys("q")
    eventually(terminal.ended, 15)


@needs_tmux
def test_news_of_the_engine_and_the_ledger_arrive_by_themselves(
    running: Live, terminal: Terminal
) -> None:
    terminal.run(running, "--read-only", width=60, height=20)
    terminal.sees("web", "● running", "read-only")
    terminal.keys("c")
    terminal.sees("read-only: started")
    running.bb("cutoff", "web")
    terminal.sees("✂ cut off")
    terminal.keys("q")
    eventually(terminal.ended, 15)


def test_the_fleet_is_also_a_document(running: Live) -> None:
    running.bb("kill", "web", "--reason", "enough")
    found = running.json("top", "--once")
    assert found["format_version"] == "1.0"
    (row,) = found["rows"]
    assert (row["bottle"], row["state"], row["agent_state"]) == ("web", "killed", "absent")
    assert row["held"]["policy"] == "kill"
    assert "✕ killed" in running.bb("top", "--once").stdout
    refused = running.bb("top", code=64)
    assert "--once --json" in refused.stderr
