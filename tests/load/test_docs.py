"""docs/manifests.md says what the code does."""

from __future__ import annotations

import io
from pathlib import Path

from botbottle.cli.context import Context
from botbottle.cli.explain import explain_query
from botbottle.load.removed import REMOVED, ROUTE
from botbottle.model.manifest_agent import AgentFile
from botbottle.model.manifest_bottle import BottleFile
from botbottle.model.manifest_settings import SettingsFile

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/manifests.md").read_text()


def test_every_key_is_documented() -> None:
    for model in (BottleFile, AgentFile, SettingsFile):
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}" in TEXT, name


def test_every_removed_key_is_documented() -> None:
    for key in (*REMOVED, "path_allowlist", "role"):
        assert f"`{key}`" in TEXT
    assert {"path_allowlist", "role"} <= set(ROUTE)


def test_the_printed_example_is_what_bb_prints() -> None:
    out = io.StringIO()
    home = ROOT / "examples/.bot-bottle"
    explain_query("developer.budget", Context(home, home, out=out), as_json=False)
    assert out.getvalue() in TEXT
