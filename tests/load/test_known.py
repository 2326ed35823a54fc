"""Budget keys are what something can spend, not what programs are called."""

from __future__ import annotations

from pathlib import Path

from botbottle.load import load
from tests.load.homes import codes, write


def test_a_program_that_spends_anothers_budget_has_no_key_of_its_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    text = "agent_provider: {template: pi}\nbudget: {KEY: 5M}"
    for key, wanted in (("pi", ["BB2110"]), ("claude", []), ("codex", [])):
        files = {"bottles/base": text.replace("KEY", key), "agents/web": "bottle: base"}
        assert codes(load(write(home, files), tmp_path).errors) == wanted
