"""The mutants stay applicable; running them all is ``python -m tests.ledger.mutants``."""

from __future__ import annotations

import pytest

from tests.ledger.mutants import MUTANTS
from tests.support.mutating import ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"bug{m.bug:02}-{m.file}")
def test_each_mutant_still_finds_its_line_exactly_once(mutant: Mutant) -> None:
    source = (ROOT / "botbottle" / mutant.file).read_text("utf-8")
    assert source.count(mutant.old) == 1
    assert mutant.old != mutant.new
