"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# Hypothesis fails an example that takes longer than 200 ms: on a busy machine any of them may.
settings.register_profile("botbottle", settings.default, deadline=None)
settings.load_profile("botbottle")
