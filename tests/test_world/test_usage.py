"""Usage: drawn plausibly and reproducibly, and named as the product's type names it."""

from __future__ import annotations

import random
from dataclasses import fields
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.model.usage import Tokens
from tests.world import Usage, World
from tests.world.service import Options
from tests.world.usage import draw, total


def test_the_classes_have_the_names_of_the_products_type() -> None:
    assert [f.name for f in fields(Usage)] == list(Tokens.__struct_fields__)


@given(st.integers(), st.integers(0, 10_000_000))
def test_drawn_usage_is_disjoint_and_within_reason(seed: int, size: int) -> None:
    usage = draw(random.Random(seed), size)
    assert all(value >= 0 for value in usage.as_dict().values())
    assert usage.reasoning <= usage.output
    assert 8 <= usage.total_input <= max(8, size)
    assert usage.without_cache_writes().total == usage.total
    assert usage.without_cache().total == usage.total


def test_an_override_keeps_reasoning_inside_output() -> None:
    assert Usage(output=100, reasoning=50).override({"output": 10}).reasoning == 10
    with pytest.raises(ValueError, match="unknown"):
        Usage().override({"inputs": 1})


def test_a_total_adds_class_by_class() -> None:
    assert total([Usage(1, 2, 3, 4, 5, 1), Usage(1, 1, 1, 1, 1, 1)]) == Usage(2, 3, 4, 5, 6, 2)


def test_the_same_seed_gives_the_same_usage_whatever_happens_between() -> None:
    def usages(noise: int) -> list[dict[str, Any]]:
        with World(Options(seed=3)) as world, httpx.Client(base_url=world.http_url) as client:
            for index in range(3):
                for _ in range(noise):
                    client.post("/v1/chat/completions", json={"model": "n", "messages": []})
                client.post("/v1/messages", json={"model": "m", "messages": [], "n": index})
            return [r["billed"] for r in world.requests(dialect="anthropic.messages")]

    quiet, noisy = usages(0), usages(2)
    assert quiet == noisy
    assert len({str(usage) for usage in quiet}) > 1
