"""The mutants stay applicable; running them is ``python -m tests.sidecar_egress.mutants``."""

from __future__ import annotations

import pytest

from tests.ledger.mutants import MUTANTS as LEDGER
from tests.meter.mutants import MUTANTS as METER
from tests.sidecar_egress.mutants import MUTANTS
from tests.support.mutating import ROOT, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"bug{m.bug:02}-{m.file}")
def test_each_mutant_still_finds_its_line_exactly_once(mutant: Mutant) -> None:
    source = (ROOT / "botbottle/sidecar/egress" / mutant.file).read_text("utf-8")
    assert source.count(mutant.old) == 1
    assert mutant.old != mutant.new


def test_each_of_the_32_field_bugs_is_put_in_somewhere() -> None:
    assert {m.bug for m in (*METER, *LEDGER, *MUTANTS)} == set(range(1, 33))
