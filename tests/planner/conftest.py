"""A world with nothing in it, and one with a bottle that runs."""

from __future__ import annotations

import pytest

from tests.support.worlds import World, declared


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def running(world: World) -> World:
    world.converge(declared())
    return world
