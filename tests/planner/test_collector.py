"""The cycle collector is paused while a plan is made, and only then."""

from __future__ import annotations

import gc
import weakref

import pytest

from botbottle.errors import Refused
from botbottle.planner.collector import paused_collector
from tests.support.worlds import World, bottle, declared


def test_it_is_paused_inside_and_on_again_after() -> None:
    assert gc.isenabled()
    with paused_collector():
        assert not gc.isenabled()
        with paused_collector():
            assert not gc.isenabled()
        assert not gc.isenabled(), "an inner pause ended the outer one"
    assert gc.isenabled()


def test_it_is_on_again_after_a_plan_and_after_a_plan_that_is_refused() -> None:
    World().plan(declared())
    assert gc.isenabled()
    with pytest.raises(Refused):
        World().plan(declared(bottle("a"), bottle("b"), address_pool="10.213.0.0/30"))
    assert gc.isenabled()


def test_a_plan_leaves_no_cycle_behind() -> None:
    """What makes the pause harmless."""
    world = World()
    world.converge(declared())
    for _ in range(2):  # the first may fill caches
        gc.collect()
        world.plan(declared(bottle(prompt="other"), bottle("b")))
        found = gc.collect()
    assert found == 0


class Knot:
    """Refers to itself, so only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_was_made_while_it_was_paused_is_still_collected() -> None:
    with paused_collector():
        seen = weakref.ref(Knot())
        assert seen() is not None
    gc.collect()
    assert seen() is None


def test_objects_that_somebody_froze_stay_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with paused_collector():
            pass
        assert gc.get_freeze_count() == frozen > 0
    finally:
        gc.unfreeze()
