"""The mutants stay applicable; running them all is ``python -m tests.meter.mutants``."""

from __future__ import annotations

import pytest

from tests.meter.mutants import MUTANTS
from tests.support.mutating import ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"bug{m.bug:02}-{m.file}")
def test_each_mutant_still_finds_its_line_exactly_once(mutant: Mutant) -> None:
    source = (ROOT / "botbottle/meter" / mutant.file).read_text("utf-8")
    assert source.count(mutant.old) == 1
    assert mutant.old != mutant.new


def test_every_field_bug_of_the_meter_is_put_in_at_least_once() -> None:
    elsewhere = {24, 28, 32}
    assert {m.bug for m in MUTANTS} == set(range(1, 33)) - elsewhere
