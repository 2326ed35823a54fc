"""docs/codes.md has a row for each code of the program, and no other; its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/codes.md").read_text("utf-8")
ROWS = re.findall(r"^\| (BB[\d, B]+) \|(.*)\|$", TEXT, re.M)
CODE = re.compile(r'"(BB\d{3,4})"')


def used() -> set[str]:
    sources = [p.read_text("utf-8") for p in (ROOT / "botbottle").rglob("*.py")]
    return {code for source in sources for code in CODE.findall(source)}


def test_every_code_has_one_row_and_every_row_a_code() -> None:
    listed = [code for codes, _ in ROWS for code in codes.split(", ")]
    assert len(listed) > 100
    assert sorted(listed) == sorted(used())


def test_a_notice_that_asks_for_an_approval_says_for_which() -> None:
    notice = re.compile(r'Notice\(\s*"(BB\d+)",[^)]*?"(widen|budget|destroy)"', re.S)
    sources = [p.read_text("utf-8") for p in (ROOT / "botbottle/planner").glob("*.py")]
    asked = {found for source in sources for found in notice.findall(source)}
    assert len(asked) > 8
    rows = dict(ROWS)
    assert {(code, word) for code, word in asked if f"`{word}`" not in rows[code]} == set()
