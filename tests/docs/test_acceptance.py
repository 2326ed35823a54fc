"""docs/acceptance.md names tests that exist, and every item once."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/acceptance.md").read_text("utf-8")


def test_every_named_test_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", TEXT)
    assert len(named) > 30
    for path, function in named:
        source = (ROOT / path).read_text("utf-8")
        assert f"def {function}(" in source if function else "def test_" in source, (path, function)


def test_every_item_of_the_list_has_a_verdict() -> None:
    rows = re.findall(r"^\| ((?:[GPAWT]\d+(?:, )?)+).*?\| (holds|part|not) \|", TEXT, re.M)
    items = [item for names, _ in rows for item in names.split(", ") if item]
    wanted = [f"{k}{n}" for k, last in zip("GPAWT", (16, 14, 14, 13, 16), strict=True)
              for n in range(1, last + 1)]  # fmt: skip
    assert items == wanted
