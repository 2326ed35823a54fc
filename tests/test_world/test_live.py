"""Random exchanges over real sockets: the transport changes nothing of what the dialects made."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
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


@pytest.mark.parametrize("h2", [False, True], ids=["http/1.1", "h2"])
def test_many_streams_at_once_keep_their_own_numbers(
    world: World, trust: ssl.SSLContext, h2: bool
) -> None:
    def alone(scene: Scenario) -> tuple[bytes, bool]:
        # A client each: httpcore's threads are not reliable on one HTTP/2 connection.
        with httpx.Client(base_url=world.tls_url, verify=trust, http2=h2, timeout=30) as client:
            return ask(client, scene)

    scenes = [calm(draw(random.Random(seed))) for seed in range(500, 600)]
    whole = [scene for scene in scenes if len(scene.body) < 600]
    for trouble in ("cut_after", "stall_after"):
        whole = [scene for scene in whole if trouble not in scene.behaviour]
    with ThreadPoolExecutor(16) as pool:
        bodies = list(pool.map(alone, whole))
    sent = sorted(truth["sent_sha256"] for truth in world.requests(settle_seconds=10))
    assert sent == sorted(hashlib.sha256(body).hexdigest() for body, _ in bodies)
    assert all(orderly for _, orderly in bodies)
    assert len(bodies) > 20


def test_parallel_uploads_share_one_http2_connection(world: World, tmp_path: Path) -> None:
    """By curl: bodies larger than the connection's window, twenty at a time."""
    data = b"0123456789" * 12_000
    (tmp_path / "data").write_bytes(data)
    trust = ["--cacert", str(world.ca_file), "-sS", "--max-time", "30", "-o", "/dev/null"]
    one = [*trust, "-w", "%{http_version} %{http_code}\n", "--data-binary", "@data"]
    calls = [[*one, f"{world.tls_url}/upload?{n}", "--next"] for n in range(40)]
    command = ["curl", "--parallel", "--parallel-max", "20", *itertools.chain(*calls)][:-1]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\n").count("2 200") == 40, done.stderr
    found = world.truth()
    assert {r["body_sha256"] for r in found["requests"]} == {hashlib.sha256(data).hexdigest()}
    assert len(found["connections"]) < 5
