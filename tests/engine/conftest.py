"""The lab: the same contract for the engine in memory and the real one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.engines import Lab, fake_lab, real_lab


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.engine)])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    if request.param == "fake":
        yield fake_lab()
    else:
        with real_lab() as found:
            yield found


@pytest.fixture
def real() -> Iterator[Lab]:
    with real_lab() as found:
        yield found
