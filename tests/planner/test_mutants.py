"""The mutants stay applicable; running them all is ``python -m tests.planner.mutants``."""

from __future__ import annotations

import pytest

from tests.planner.mutants import MUTANTS, ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_each_mutant_still_finds_its_text_exactly_once(mutant: Mutant) -> None:
    source = (ROOT / "botbottle/planner" / mutant.file).read_text("utf-8")
    assert source.count(mutant.old) == 1 and mutant.old != mutant.new
