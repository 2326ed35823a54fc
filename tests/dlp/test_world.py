"""A redacted Messages request still runs: the scripted upstream takes it, answers and bills it."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator

import pytest

from botbottle.dlp import Redacted, Scanner, redact
from tests.dlp.conftest import PATIENT, github
from tests.world import World

PATH = "/v1/messages"
URL = f"https://api.anthropic.com{PATH}"
JSON = "application/json"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as running:
        yield running


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner({}, key=b"k", limits=PATIENT)


def _request(value: str) -> bytes:
    """A turn whose tool result holds a token, JSON inside JSON as clients write it."""
    config = json.dumps({"registry": {"token": value, "note": "in\tJSON"}})
    result = {"type": "tool_result", "tool_use_id": "t1", "content": config}
    call = {"type": "tool_use", "id": "t1", "name": "read", "input": {"path": "config.json"}}
    return json.dumps(
        {
            "model": "claude-opus-5-5",
            "max_tokens": 64,
            "messages": [
                {"role": "user", "content": "read the configuration"},
                {"role": "assistant", "content": [call]},
                {"role": "user", "content": [result]},
            ],
        }
    ).encode()


def _post(world: World, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", world.http_port, timeout=10)
    try:
        sent = {name.decode(): value.decode() for name, value in headers}
        connection.request("POST", PATH, body, {"host": "api.anthropic.com", **sent})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _cut(scanner: Scanner, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> Redacted:
    found = scanner.scan_request(URL, headers, body, JSON)
    result = redact(
        scanner, found, url=URL, headers=headers, body=body, content_type=JSON, content_encoding=""
    )
    assert isinstance(result, Redacted)
    return result


def test_a_redacted_messages_request_runs_and_carries_no_token(
    world: World, scanner: Scanner, rng: random.Random
) -> None:
    value = github(rng)
    body = _request(value)
    headers = (
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-api-key", b"placeholder"),
    )
    result = _cut(scanner, body, headers)
    assert value.encode() in body
    assert value.encode() not in result.body
    world.script(path=PATH, times=1, output=7)
    status, answer = _post(world, result.body, tuple(result.headers))
    assert status == 200
    assert json.loads(answer)["usage"]["output_tokens"] == 7
    asked = world.requests(host="api.anthropic.com")[-1]
    assert asked["outcome"] == "completed"
    assert asked["billed"]["output"] == 7
    assert not scanner.scan_request(URL, result.headers, result.body, JSON)


def test_the_tool_result_inside_still_parses_and_differs_only_in_the_token(
    scanner: Scanner, rng: random.Random
) -> None:
    value = github(rng)
    result = _cut(scanner, _request(value), ())
    inner = json.loads(json.loads(result.body)["messages"][2]["content"][0]["content"])
    assert inner["registry"]["note"] == "in\tJSON"
    assert inner["registry"]["token"].startswith("[REDACTED:github.token:")
