"""Zero tokens of difference between what providers charge and what the meter writes."""

from __future__ import annotations

import pytest

from tests.meter import judge, sockets

UNIT_SEEDS = 2_000
BLOCK = 250


@pytest.mark.parametrize("start", range(0, UNIT_SEEDS, BLOCK))
def test_random_exchanges_are_metered_without_a_token_of_difference(start: int) -> None:
    for seed in range(start, start + BLOCK):
        try:
            judge.run(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def test_the_random_exchanges_reach_every_budget_framing_and_encoding() -> None:
    seen = {judge.run(seed) for seed in range(400)}
    parts = [set(column) for column in zip(*(s.split("/") for s in seen), strict=True)]
    assert parts[0] >= {"claude", "codex", "gemini", "bedrock", "azure", "openrouter", "ollama"}
    assert parts[0] >= {"corp"}
    assert parts[1] == {"json", "sse", "array", "lines", "aws"}
    assert parts[2] >= {"plain", "gzip", "deflate", "deflate-raw", "br", "zstd", "gzip, br"}
    assert parts[3] == {"", "cut"}


def test_a_meter_that_is_off_by_one_token_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    from botbottle.meter.rows import Rows  # the positive control bends the real thing
    from botbottle.model.usage import Tokens

    honest = Rows.all_of

    def bent(self, tally, completeness, note=""):  # type: ignore[no-untyped-def]
        tally.tokens = tally.tokens + Tokens(output=1)
        return honest(self, tally, completeness, note)

    monkeypatch.setattr(Rows, "all_of", bent)
    with pytest.raises(judge.Mismatch):
        for seed in range(20):
            judge.run(seed)


def test_random_sockets_are_metered_without_a_token_of_difference() -> None:
    assert sum(sockets.run(seed) for seed in range(600)) > 300
