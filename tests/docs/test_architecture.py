"""ARCHITECTURE.md against the code: what it names exists, and every part has its row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "botbottle"
TEXT = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
MAP = dict(re.findall(r"^\| `([\w/.]+)` \| (.*) \|$", TEXT.partition("## Code map")[2], re.M))


def test_every_row_of_the_code_map_exists() -> None:
    assert len(MAP) > 20
    assert [path for path in MAP if not (PACKAGE / path).exists()] == []


def test_every_module_and_package_has_a_row() -> None:
    own = {p.name for p in PACKAGE.glob("*.py") if not p.name.startswith("_")}
    own |= {f"{p.parent.name}/" for p in PACKAGE.glob("*/__init__.py")} - {"sidecar/"}
    own |= {f"sidecar/{p.parent.name}/" for p in PACKAGE.glob("sidecar/*/__init__.py")}
    assert own == set(MAP)


@pytest.mark.parametrize("package", ["planner/", "load/"])
def test_the_parts_that_a_row_names_are_modules(package: str) -> None:
    named = re.findall(r"\(([^)]*)\)", MAP[package])
    words = [w.strip("` ") for group in named for w in group.split(",") if w.strip()]
    assert words and [w for w in words if not (PACKAGE / package / f"{w}.py").exists()] == []


def test_other_files_and_tests_that_it_names_exist() -> None:
    named = set(re.findall(r"`((?:tests|docs|benchmarks)/[\w/.]+|(?:model|cli)/[\w/]+\.py)`", TEXT))
    assert len(named) > 5
    assert [n for n in named if not (ROOT / n).exists() and not (PACKAGE / n).exists()] == []
