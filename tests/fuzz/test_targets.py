"""Every fuzz target under Hypothesis: random bytes, and mutations of what is well-formed."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import SEEDS, TARGETS

CALM = settings(
    derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


def mutated(seed: bytes, dice: random.Random) -> bytes:
    """A seed with a few bytes changed, repeated or left out."""
    out = bytearray(seed)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(out) + 1)
        match dice.randrange(4):
            case 0:
                out[at:at] = dice.randbytes(dice.randint(1, 4))
            case 1:
                del out[at : at + dice.randint(1, 5)]
            case 2:
                out[at:at] = out[max(0, at - 20) : at]
            case _:
                out[at:at] = dice.choice(
                    (b"\n", b"\r", b"\0", b"@", b"%2e", b"..", b":", b'"', b"}")
                )
    return bytes(out)


@pytest.mark.parametrize("name", TARGETS)
def test_random_bytes_break_no_promise(name: str) -> None:
    @settings(CALM, max_examples=60)
    @given(st.binary(max_size=400))
    def each(data: bytes) -> None:
        TARGETS[name](data)

    each()


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("count", [150, pytest.param(20_000, marks=pytest.mark.chaos)])
def test_mutations_of_what_is_well_formed_break_no_promise(name: str, count: int) -> None:
    dice = random.Random(f"{name} {count}")
    for seed in SEEDS[name]:
        TARGETS[name](seed)
    for _ in range(count // (10 if name == "meters" else 1)):
        TARGETS[name](mutated(dice.choice(SEEDS[name]), dice))
