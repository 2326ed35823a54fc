"""One world for all tests of the directory; one rig unless a test breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sidecar_egress.inside import Inside
from tests.sidecar_egress.rig import Rig
from tests.world import World


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """The scripted upstream."""
    with World() as running:
        yield running


@pytest.fixture(scope="session")
def shared(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A rig for all tests that leave it as they found it."""
    with Rig(tmp_path_factory.mktemp("rig"), world) as running:
        yield running


@pytest.fixture
def rig(shared: Rig) -> Rig:
    """The shared rig with standard routes and a clean record."""
    shared.world.reset()
    shared.ledger.limit()
    shared.ledger.mark()
    shared.standard()
    return shared


@pytest.fixture
def own(world: World, tmp_path: Path) -> Iterator[Rig]:
    """A rig that a test may break."""
    world.reset()
    with Rig(tmp_path, world) as running:
        running.standard()
        yield running


@pytest.fixture
def inside(world: World, tmp_path: Path) -> Iterator[Inside]:
    """A sidecar in this process."""
    made = Inside(tmp_path, world)
    yield made
    made.close()
