"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import settings
from hypothesis.database import DirectoryBasedExampleDatabase

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
