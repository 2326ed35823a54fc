"""Few open files: those who open all they may keep nobody out, and the ledger goes on."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from botbottle.ledger.records import Refusal
from botbottle.sidecar.ledger.client import LedgerClient
from botbottle.sidecar.ledger.descriptors import OWN, RESERVE, Descriptors
from tests.ledger.worlds import register
from tests.sidecar_ledger.clients import run
from tests.sidecar_ledger.support import Process, Raw, World, row, wait_for

SOFT, HARD = 100, 300
GREEDY = [f"greedy{n}" for n in range(12)]
BOTTLES = 200
FIT = (HARD - OWN - RESERVE) // 2


@pytest.fixture
def few(world: World) -> Iterator[Process]:
    running = Process(world, (SOFT, HARD))
    running.start()
    yield running
    running.stop()


def hello(raw: Raw) -> dict[str, object]:
    with suppress(BrokenPipeError):  # closed already: what it was told is there to be read
        raw.send(raw.frame("hello"))
    return raw.receive() or {}


def crowd(world: World, stack: ExitStack) -> list[dict[str, object]]:
    """Everybody of GREEDY opens what one may; what each connection was told."""
    for name in GREEDY:
        register(world.ledger, name)
    opened = [stack.enter_context(Raw(world.socket(name))) for name in GREEDY for _ in range(16)]
    return [hello(raw) for raw in opened]


def test_as_many_files_as_the_engine_allows_are_used(few: Process) -> None:
    wait_for(lambda: resource.prlimit(few.pid, resource.RLIMIT_NOFILE) == (HARD, HARD))


def test_who_opens_all_that_he_may_keeps_no_other_bottle_out(world: World, few: Process) -> None:
    register(world.ledger, "late")
    with ExitStack() as stack:
        told = crowd(world, stack)
        refused = [each for each in told if not each.get("ok")]
        assert 0 < len(refused) < len(told), "all of them would be too many, none too few"
        assert {each["code"] for each in refused} == {"unavailable"}
        assert "default-ulimits" in str(refused[0]["message"])
        with Raw(world.socket("late")) as late:
            lease = late.admit()["lease"]
            assert late.settle(row(7), lease=lease)["recorded"] == 1
        assert few.answers(), "nor the owner"
    assert world.ledger.check().problems == ()


def test_of_too_many_bottles_those_that_fit_are_served(world: World, few: Process) -> None:
    names = [f"b{n:03}" for n in range(BOTTLES)]
    for name in names:
        register(world.ledger, name)
    wait_for(lambda: sum(world.path(name).exists() for name in names) >= FIT)
    there = [name for name in names if world.path(name).exists()]
    with ExitStack() as stack:
        for name in there:
            raw = stack.enter_context(Raw(world.path(name)))
            assert raw.admit()["ok"], "who has a socket has a connection"
        assert few.answers()
    for name in there:
        world.ledger.retire(f"p/{name}")
    missing = next(name for name in names if name not in there)
    assert len(there) == FIT
    with Raw(world.socket(missing)) as raw:
        assert raw.admit()["ok"], "it has its turn when others are gone"


def test_a_sidecar_is_told_why_it_is_not_served(world: World, few: Process) -> None:
    register(world.ledger, "web")

    async def scenario() -> Refusal:
        client = LedgerClient(str(world.socket("web")), timeout=60.0)
        await client.start()
        while True:
            answer = await client.admit("claude", "m", input_tokens=1, allowance=1)
            if isinstance(answer, Refusal):
                await client.close(drain=0)
                return answer

    with ExitStack() as stack:
        crowd(world, stack)
        stack.enter_context(Raw(world.socket("web")))  # its first one
        assert "default-ulimits" in run(scenario()).message


def test_the_second_half_is_for_who_has_none_and_the_last_for_nobody() -> None:
    descriptors = Descriptors(1000)
    kept = [(n, first) for n in (499, 500, 935, 936) for first in (True, False)
            if descriptors.has(n, first=first)]  # fmt: skip
    assert kept == [(499, True), (499, False), (500, True), (935, True)]
    with pytest.raises(OSError, match="default-ulimits"):
        descriptors.require(936, 0)
    with pytest.raises(OSError, match="default-ulimits"):
        descriptors.require(500, 452)
    descriptors.require(935, 451)
