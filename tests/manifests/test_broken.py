"""Broken manifests: one file each, what bb says about it in the .txt file beside it.

After a deliberate change of words, run with BB_GOLDEN=write and review the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from botbottle.load import load
from botbottle.load.render import text

HERE = Path(__file__).parent
BASE = "---\nagent_provider: {template: claude}\n---\n"
CASES = sorted(p for p in HERE.glob("*/*") if p.suffix in (".md", ".yml"))
WARNINGS = {"env-credential", "route-duplicate", "route-two-credentials", "hidden-instruction"}


def home_with(case: Path, home: Path) -> Path:
    """A home that is good but for the file of the case."""
    for folder in ("bottles", "agents"):
        (home / folder).mkdir(parents=True)
    bottle = "case" if case.parent.name == "bottle" else "base"
    (home / "bottles/base.md").write_text(BASE)
    (home / "agents/user.md").write_text(f"---\nbottle: [base, {bottle}]\n---\n")
    target = {"bottle": "bottles/case.md", "agent": "agents/case.md", "settings": "settings.yml"}
    (home / target[case.parent.name]).write_bytes(case.read_bytes())
    return home


@pytest.mark.parametrize("case", CASES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_says_what_is_wrong_where_and_how_to_fix_it(case: Path, tmp_path: Path) -> None:
    loaded = load(home_with(case, tmp_path))
    said = text(loaded.diagnostics)
    golden = case.with_suffix(".txt")
    if os.environ.get("BB_GOLDEN") == "write":
        golden.write_text(said)
    assert said == golden.read_text()
    assert (loaded.declared is None) == (case.stem not in WARNINGS)
    mine = [
        d for d in loaded.diagnostics if "case" in d.origin.file or d.origin.layer == "settings"
    ]
    assert mine, "nothing is said about the broken file itself"
    assert all(d.origin.line > 0 for d in mine), "every finding has a line"


def test_the_home_of_the_cases_is_good_without_them(tmp_path: Path) -> None:
    home = home_with(HERE / "agent" / "no-bottle.md", tmp_path)
    (home / "agents/case.md").write_text("---\nbottle: base\n---\n")
    assert load(home).diagnostics == ()


def test_there_are_at_least_sixty_cases_each_with_its_expectation() -> None:
    assert len(CASES) >= 60
    assert {p.with_suffix(".txt") for p in CASES} == set(HERE.glob("*/*.txt"))
