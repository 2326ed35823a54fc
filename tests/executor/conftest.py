"""A bench with the engine in memory."""

from __future__ import annotations

import pytest

from botbottle.vault import MemoryVault
from tests.executor.freezing import SECRET
from tests.support.engines import Lab, fake_lab
from tests.support.executing import KEY, Bench


@pytest.fixture
def lab() -> Lab:
    return fake_lab()


@pytest.fixture
def bench(lab: Lab) -> Bench:
    return Bench(lab.engine)


@pytest.fixture
def keyed(bench: Bench) -> Bench:
    """With a credential at hand."""
    bench.vault = MemoryVault(KEY, {"API_KEY": SECRET, "EMPTY": ""})
    return bench
