"""docs/promises.md quotes the README and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| (.+?) \| (.+) \|$", (ROOT / "docs/promises.md").read_text("utf-8"), re.M
)[1:]  # fmt: skip
README = " ".join((ROOT / "README.md").read_text("utf-8").replace("**", "").split())


@pytest.mark.parametrize(("said", "shown"), ROWS, ids=[said[:40] for said, _ in ROWS])
def test_a_promise_stands_in_the_readme_and_its_tests_exist(said: str, shown: str) -> None:
    assert said in README
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", shown)
    assert named
    for path, function in named:
        assert f"def {function or 'test_'}" in (ROOT / path).read_text("utf-8"), (path, function)


def test_every_bold_promise_has_a_row() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    opening = text.partition("## Three commands")[0]
    bullets = re.findall(r"^- \*\*.*?(?=^- |^## |\Z)", opening, re.M | re.S)
    assert len(bullets) == 4
    for bullet in bullets:
        plain = " ".join(bullet.replace("**", "").split())
        assert any(said in plain for said, _ in ROWS), plain
