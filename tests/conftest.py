"""What holds for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

# Private engines (scripts/engine run --engines N), one for each test process: two on the same would
# meet at its subnets and events.
ENGINES = os.environ.get("BB_ENGINES", "").split()
if ENGINES and (worker := os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")):
    os.environ["DOCKER_HOST"] = ENGINES[int(worker)]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """What ``-n auto`` means."""
    return len(ENGINES) or 1


EXPLORES = os.environ.get("BB_EXPLORE") == "1"

# Examples follow from the code alone, so that a run that was green stays green and none writes a
# database: looking for new ones is for BB_EXPLORE=1, which ``make chaos`` sets. Hypothesis fails an
# example that takes longer than 200 ms: on a busy machine any of them may.
settings.register_profile(
    "botbottle",
    settings.default,
    deadline=None,
    derandomize=not EXPLORES,
    database=DirectoryBasedExampleDatabase(".hypothesis/examples") if EXPLORES else None,
    print_blob=True,
)
settings.load_profile("botbottle")
