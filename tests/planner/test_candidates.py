"""Which snapshots the engine is asked about: those a plan could use, and no other."""

from __future__ import annotations

from msgspec.structs import replace

from botbottle.model import canonical, labels
from botbottle.model.ledger_view import EnforcementRecord, FreezeRecord, LedgerView
from botbottle.model.resources import Observed, ObservedContainer
from botbottle.planner.resume import MARK, candidates

KEY = "proj-1/web"
LISTED = tuple(FreezeRecord(KEY, f"snap:{n}", "d", float(n)) for n in (3, 2, 1))
VIEW = LedgerView(freezes={KEY: LISTED})


def resumed_from(image: str, mark: str = MARK) -> Observed:
    spec = canonical.canonical({"image": image, "env": [[mark, "base"]]})
    found = ObservedContainer("id", "web", "running", "sha", {labels.SPEC: spec})
    return Observed(containers=(found,))


def test_a_bottle_that_is_not_frozen_has_none() -> None:
    assert candidates("proj-1", Observed(), VIEW) == {}


def test_a_frozen_bottle_has_all_of_its_own_newest_first() -> None:
    frozen = replace(VIEW, enforced={KEY: EnforcementRecord(KEY, "freeze", "t", 4.0)})
    expected = (("snap:3", "snap:2", "snap:1"), frozenset[str]())
    assert candidates("proj-1", Observed(), frozen) == {"web": expected}
    assert candidates("other", Observed(), frozen) == {}, "another project's"


def test_one_that_is_cut_off_has_none() -> None:
    cut = replace(VIEW, enforced={KEY: EnforcementRecord(KEY, "cutoff", "t", 4.0)})
    assert candidates("proj-1", Observed(), cut) == {}


def test_a_resumed_bottle_has_the_one_it_was_made_from() -> None:
    expected = {"web": (("snap:2",), frozenset({"snap:2"}))}
    assert candidates("proj-1", resumed_from("snap:2"), VIEW) == expected
    assert candidates("proj-1", resumed_from("snap:2", "OTHER"), VIEW) == {}
    assert candidates("proj-1", resumed_from("strange:1"), VIEW) == {}
