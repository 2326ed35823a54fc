"""The quick reading of frames takes nothing that the thorough one would not take, and gives the
same."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from botbottle.sidecar.ledger import codec, frames, wire

NOW = 1_795_000_000.0
ROW = {
    "provider": "claude",
    "dialect": "messages",
    "model": "model-1",
    "host": "api.example",
    "response_id": "msg_1",
    "tokens": {"input_uncached": 5, "output": 7, "reasoning": 2},
    "completeness": "final",
    "at": NOW,
    "note": "",
}
FRAMES: dict[str, dict[str, Any]] = {
    "admit": {"provider": "claude", "model": "m", "input": 10, "output": 90},
    "progress": {"lease": "0a1b", "tokens": {"output": 5}},
    "settle": {"lease": "0a1b", "exchanges": [ROW, {**ROW, "response_id": "msg_2"}]},
}
WEIRD: list[Any] = [
    None, True, False, 0, -1, 1.0, 1.5, 2**53 + 1, 10**30, wire.MAX_TOKENS, wire.MAX_TOKENS + 1,
    wire.MAX_ASKED, wire.MAX_ASKED + 1,
    NOW - 86_400, NOW - 86_401, NOW + 300, NOW + 301, "", "5", "a" * 64, "a" * 65, "a" * 300,
    "claude\n", "Claude", "a\nb", "\x00", "ü", "\u2028", "\ud800", "-", "00ff", "00FF", "0f\n",
    [], [1], {}, {"output": 1}, {"output": 1, "reasoning": 2}, {"other": 1}, [ROW] * 101,
]  # fmt: skip


def slowly(line: bytes, now: float) -> tuple[int, str, frames.Arguments]:
    """As ``codec`` and ``wire`` read it. Raises wire.BadRequest."""
    frame = codec.decode(line)
    match frame["op"]:
        case "admit":
            name, model = wire.name(frame, "provider"), wire.text(frame, "model", 200)
            asked = wire.amount(frame, "input", wire.MAX_ASKED)
            found: Any = (name, model, asked, wire.amount(frame, "output"))
        case "progress":
            found = (wire.lease(frame), wire.tokens(frame))
        case "settle":
            found = (wire.lease(frame), wire.exchanges(frame, now))
        case other:
            raise wire.BadRequest(other)
    return frame["id"], frame["op"], found


def line_of(op: str, fields: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"v": 1, "id": 7, "op": op, **fields, **more}).encode()


def changed(value: Any, rng: random.Random) -> Any:
    """The same document with one thing somewhere in it replaced, removed or added."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        key = rng.choice([*value, "surprise"])
        if rng.random() < 0.2:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: changed(value.get(key), rng)}
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        return [*value[:at], changed(value[at], rng), *value[at + 1 :]]
    return rng.choice(WEIRD)


@pytest.mark.parametrize("op", sorted(FRAMES))
def test_an_honest_frame_is_read_quickly(op: str) -> None:
    line = line_of(op, FRAMES[op])
    assert frames.read(line, NOW) == slowly(line, NOW)


@pytest.mark.parametrize("seed", range(8))
def test_what_is_read_quickly_is_what_the_thorough_reading_makes_of_it(seed: int) -> None:
    rng, taken, doubted = random.Random(seed), 0, 0
    for _ in range(600):
        op = rng.choice(sorted(FRAMES))
        line = json.dumps(changed(json.loads(line_of(op, FRAMES[op])), rng)).encode()
        quick = frames.read(line, NOW)
        if quick is None:
            doubted += 1
            continue
        taken += 1
        assert quick == slowly(line, NOW), line
    assert taken > 30
    assert doubted > 30


@pytest.mark.parametrize(
    "line",
    [
        line_of("admit", FRAMES["admit"], v=2),
        line_of("admit", FRAMES["admit"], id="1"),
        line_of("admit", FRAMES["admit"], id=2**53 + 1),
        line_of("hello", {}),
        line_of("append", FRAMES["settle"]),
        pytest.param(line_of("settle", {"exchanges": [{**ROW, "at": 10**400}]}), id="late"),
        pytest.param(b"[" * 60_000, id="deep"),
        b"",
        b"\xff",
        b'{"v":1,"id":1,"op":"admit","provider":"claude","input":1e2}',
        b'{"v":1,"id":1,"op":"settle","exchanges":[{"at":NaN}]}',
        b'{"v":1,"id":1,"op":"progress","tokens":{"output":1.0}}',
    ],
)
def test_what_is_in_doubt_is_left_to_the_thorough_reading(line: bytes) -> None:
    assert frames.read(line, NOW) is None
