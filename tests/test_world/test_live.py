"""Random exchanges over real sockets: the transport changes nothing of what the dialects made."""

from __future__ import annotations

import hashlib
import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.world import World
from tests.world.scenarios import Scenario, draw

SEEDS = 60


def calm(scene: Scenario) -> Scenario:
    """Without long silences, and with pieces that a socket can carry in reasonable time."""
    behaviour: dict[str, Any] = {**scene.behaviour, "stall": 0.0}
    if (behaviour.get("split") or 64) < 64:
        behaviour["split"] = 64
    return replace(scene, behaviour=behaviour)


def ask(client: httpx.Client, scene: Scenario) -> tuple[bytes, bool]:
    """The raw body, and whether it ended in the orderly way."""
    shape = scene.shape
    headers = {
        **scene.headers,
        "host": shape.host,
        "x-world-script": json.dumps(scene.behaviour),
        "accept-encoding": "gzip, deflate, br, zstd",
    }
    body = b""
    try:
        with client.stream("POST", shape.target, content=scene.body, headers=headers) as answer:
            for piece in answer.iter_raw():
                body += piece
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return body, False
    return body, True


def check(truth: dict[str, Any], body: bytes, orderly: bool) -> None:
    """What arrived is what the truth says was sent."""
    assert orderly is (truth["outcome"] in ("completed", "error_event")), truth
    if orderly:
        assert hashlib.sha256(body).hexdigest() == truth["sent_sha256"], truth
        assert len(body) == truth["bytes_sent"]
    else:
        assert len(body) <= truth["bytes_sent"]
    if truth["terminal_sent"]:
        assert truth["reported"] in (None, truth["billed"])


@pytest.mark.parametrize("start", range(0, SEEDS, 20))
def test_what_arrives_is_what_the_truth_says_was_sent(
    world: World, client: httpx.Client, start: int
) -> None:
    for seed in range(start, start + 20):
        world.reset()
        body, orderly = ask(client, calm(draw(random.Random(seed))))
        (truth,) = world.requests()
        check(truth, body, orderly)


def test_many_streams_at_once_keep_their_own_numbers(world: World, client: httpx.Client) -> None:
    scenes = [calm(draw(random.Random(seed))) for seed in range(500, 540)]
    whole = [scene for scene in scenes if "cut_after" not in scene.behaviour]
    whole = [scene for scene in whole if "stall_after" not in scene.behaviour]
    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(lambda scene: ask(client, scene), whole))
    sent = sorted(truth["sent_sha256"] for truth in world.requests(settle_seconds=10))
    assert sent == sorted(hashlib.sha256(body).hexdigest() for body, _ in bodies)
    assert all(orderly for _, orderly in bodies)
