"""docs/escapes.md has a row for each technique: 39 of the list, ten found since; tests exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/escapes.md").read_text("utf-8")
FOLDERS = {"egress": "tests/sidecar_egress", "e2e": "tests/e2e", "tests": "tests"}


def test_every_technique_has_a_row() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \|", TEXT, re.M)
    assert [int(n) for row in rows for n in row.split(",")] == list(range(1, 50))


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(egress|e2e|tests)/([\w/]+\.py)(?:::(\w+))?`", TEXT)
    assert len(named) > 40
    for folder, path, name in named:
        source = (ROOT / FOLDERS[folder] / path).read_text("utf-8")
        assert re.search(rf"^\s*(def|class) {name}\b" if name else "def test_", source, re.M), name
