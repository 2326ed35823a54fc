"""What ``bb apply`` takes from its command line."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.cli.apply import consent_of, refuse_empty
from botbottle.cli.saved import save
from botbottle.errors import Refused, UsageError
from tests.support.worlds import World, declared


def test_an_empty_desired_set_is_refused_unless_told() -> None:
    empty = replace(declared(), bottles=())
    with pytest.raises(Refused) as caught:
        refuse_empty(empty, allow_empty=False)
    assert caught.value.code == "BB7001"
    refuse_empty(empty, allow_empty=True)


def test_a_file_approves_by_the_digest_inside_it(tmp_path: Path) -> None:
    plan = World().plan(declared())
    save(plan, tmp_path / "p")
    consent = consent_of(tmp_path / "p", "", yes=False, allow=None)
    assert consent.digest == plan.digest and consent.saved is not None and consent.holds(plan)
    assert consent_of(tmp_path / "p", plan.digest, yes=False, allow=None) == consent
    with pytest.raises(UsageError):
        consent_of(tmp_path / "p", "0" * 16, yes=False, allow=None)
