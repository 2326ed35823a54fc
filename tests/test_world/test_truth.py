"""The record: open answers, settling, totals, large bodies, resets."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import Any

import httpx
import pytest

from tests.test_world.decode import tokens
from tests.world import World
from tests.world.wire import remember

BODY: dict[str, Any] = {"model": "claude-opus-5-5", "messages": []}


def test_nothing_arrived_is_visible_as_nothing(world: World) -> None:
    truth = world.truth()
    assert (truth["requests"], truth["connections"], truth["sni"]) == ([], [], [])
    assert truth["totals"]["requests"] == 0


def test_totals_are_kept_per_provider_host_and_model(world: World, plain: httpx.Client) -> None:
    world.script(input_uncached=10, cache_read=0, cache_write_5m=0, cache_write_1h=0, output=7)
    plain.post("/v1/messages", json=BODY, headers={"host": "api.anthropic.com"})
    plain.post("/v1/messages", json=BODY, headers={"host": "api.anthropic.com"})
    plain.post("/v1/responses", json={"model": "g"}, headers={"host": "chatgpt.com"})
    plain.get("/echo", headers={"host": "example.com"})
    totals = world.totals()
    assert totals["providers"]["claude"]["billed"]["input_uncached"] == 20
    assert totals["providers"]["codex"]["billed"]["output"] == 7
    assert totals["hosts"]["example.com"]["requests"] == 1
    assert totals["models"]["claude-opus-5-5"]["responses"] == 2
    assert (totals["requests"], totals["metered"]) == (4, 3)
    assert totals["billed"] | {"reasoning": 0} == tokens(input_uncached=30, output=21)


def test_an_answer_on_its_way_is_open_until_it_ends(world: World, plain: httpx.Client) -> None:
    world.script(delay=0.06, events=3)
    body = BODY | {"stream": True}
    asking = threading.Thread(target=lambda: plain.post("/v1/messages", json=body))
    asking.start()
    while not (found := world.requests(settle_seconds=0)):
        time.sleep(0.01)
    assert found[0]["outcome"] == "open"
    asking.join(120)
    assert world.requests(settle_seconds=30)[0]["outcome"] == "completed"


def test_a_large_body_is_known_by_its_hash(world: World, plain: httpx.Client) -> None:
    big = BODY | {"pad": "x" * 200_000}
    answer = plain.post("/v1/messages", json=big)
    (truth,) = world.requests()
    assert truth["json"] is None
    assert truth["body_sha256"] == hashlib.sha256(answer.request.content).hexdigest()
    assert truth["body_bytes"] == len(answer.request.content)
    assert sum(truth["billed"].values()) > 40_000, "usage follows the size"


def test_since_gives_only_what_is_new(world: World, plain: httpx.Client) -> None:
    plain.get("/echo")
    last = world.requests()[-1]["id"]
    plain.get("/echo?second")
    assert [r["query"] for r in world.truth(since=last)["requests"]] == ["second"]


def test_dropping_connections_breaks_streams_and_says_so(world: World, plain: httpx.Client) -> None:
    world.script(delay=0.1, events=100, output=1000)
    broken = threading.Event()

    def ask() -> None:
        try:
            plain.post("/v1/messages", json=BODY | {"stream": True})
        except httpx.HTTPError:
            broken.set()

    asking = threading.Thread(target=ask)
    asking.start()
    while not any(r["events_sent"] for r in world.requests(settle_seconds=0)):
        time.sleep(0.01)
    world.drop()
    assert broken.wait(10)
    asking.join(10)
    assert world.requests()[0]["outcome"] == "client_gone"


def test_bodies_are_kept_within_a_bound_and_the_oldest_go_first(
    world: World, plain: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.world.truth.MAX_BODIES", 5_000)
    for number in range(4):
        plain.post("/echo", json={"number": number, "pad": "x" * 2_000})
    kept = [r["json"] and r["json"]["number"] for r in world.requests()]
    assert kept == [None, None, 2, 3]
    assert all(r["body_bytes"] > 2_000 for r in world.requests())


def test_providers_forget_their_oldest_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.world.wire.MAX_MEMORY", 3)
    shelf: dict[str, int] = {}
    for number in range(5):
        remember(shelf, str(number), number)
    assert list(shelf) == ["2", "3", "4"]
