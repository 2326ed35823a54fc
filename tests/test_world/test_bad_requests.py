"""Requests of an unexpected shape are answered and on record; nothing hangs or dies."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.world import World
from tests.world.app import App
from tests.world.offline import exchange
from tests.world.scenarios import SHAPES, Shape

ODD: tuple[Any, ...] = (
    [],
    5,
    "text",
    {"messages": 5},
    {"messages": [5, None, {"content": [1, None]}]},
    {"input": [1, None, {"tools": 3}], "contents": [{"parts": 7}]},
    {"tools": "x", "stream": True, "messages": None},
    {"tools": [1, {"function": "f", "functionDeclarations": 1}], "contents": 3},
    {"stream_options": 3, "stream": True, "model": {"a": 1}},
)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_an_odd_body_is_answered_or_refused(shape: Shape) -> None:
    app = App()
    for odd in ODD:
        for tool in (None, "shell", {"name": "t"}):
            body = json.dumps({**shape.body, **odd} if isinstance(odd, dict) else odd).encode()
            answer = exchange(app, "POST", shape.host, shape.target, body=body, tool=tool)
            assert answer.status in (200, 400), (odd, answer.body)
            assert answer.ended
            assert answer.record.outcome == "completed"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/bytes?n=many"),
        ("GET", "/sse?ms=soon"),
        ("GET", "/redirect?status=never"),
        ("POST", "/x.git/git-receive-pack"),
        ("GET", "/v1/messages/batches/none/results"),
        ("GET", "/v1/responses/none"),
        ("DELETE", "/v1/messages"),
        ("OPTIONS", "/"),
        ("HEAD", "/v1/messages"),
    ],
)
def test_odd_requests_leave_the_world_alive(
    world: World, client: httpx.Client, method: str, path: str
) -> None:
    answer = client.request(method, path, content=b"zzzz" if method == "POST" else b"")
    assert answer.status_code in (200, 400, 404, 500)
    assert client.get("/echo").status_code == 200
    assert "open" not in {r["outcome"] for r in world.requests()}


def test_a_body_that_does_not_decode_is_on_record(world: World, plain: httpx.Client) -> None:
    headers = {"content-encoding": "zstd"}
    assert plain.post("/v1/messages", content=b"not zstd", headers=headers).status_code == 200
    (truth,) = world.requests()
    assert (truth["json"], truth["body_bytes"]) == (None, 8)
