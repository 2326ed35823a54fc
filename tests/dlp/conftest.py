"""Shared scanners (compiled once a session) and seeded random values."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import pytest

from botbottle.dlp import CompiledRules, Scanner, Verdict
from botbottle.dlp.settings import Limits

ALNUM = string.ascii_letters + string.digits
PATIENT = Limits(seconds=30.0)  # a busy machine must not turn a finding into a time limit


@pytest.fixture(scope="session", params=["hyperscan", "fallback"])
def engine(request: pytest.FixtureRequest) -> str:
    """Both engines pass the same tests."""
    return str(request.param)


@pytest.fixture(scope="session")
def compiled(engine: str) -> CompiledRules:
    return CompiledRules.build(engine=engine)


@pytest.fixture
def make(engine: str, compiled: CompiledRules) -> Callable[..., Scanner]:
    """A scanner for the given secrets on the engine under test."""

    def build(secrets: dict[str, bytes] | None = None, **options: object) -> Scanner:
        options.setdefault("limits", PATIENT)
        return Scanner(secrets or {}, key=b"k", rules=compiled, engine=engine, **options)  # type: ignore[arg-type]

    return build


@pytest.fixture
def rng() -> random.Random:
    return random.Random(20261122)


def alnum(rng: random.Random, size: int) -> str:
    """Random letters and digits, always with both."""
    return "".join(rng.choice(ALNUM) for _ in range(size - 2)) + rng.choice("abc") + "7"


def github(rng: random.Random) -> str:
    """A token in GitHub's classic shape."""
    return "ghp" + "_" + alnum(rng, 36)


def body_with(payload: bytes, size: int) -> bytes:
    """``payload`` as a value, with ``size`` pieces of ordinary code before and behind it."""
    filler = b"def load(path):\n    return open(path).read()\n" * size
    return filler + b'value = "' + payload + b'"\n' + filler


def leaks(scanner: Scanner, data: bytes) -> list[str]:
    """The rules that say that ``data`` holds a held secret."""
    return [f.rule for f in scanner.scan(data) if f.verdict is Verdict.BLOCK]
