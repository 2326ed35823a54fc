"""A bench with the engine in memory."""

from __future__ import annotations

import pytest

from tests.support.engines import Lab, fake_lab
from tests.support.executing import Bench


@pytest.fixture
def lab() -> Lab:
    return fake_lab()


@pytest.fixture
def bench(lab: Lab) -> Bench:
    return Bench(lab.engine)
