"""Random Responses sockets: lanes, prewarms, steering, errors, losses; judged like HTTP."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import astuple

from botbottle.meter import Reason, Settlement, WebSocketMeter, identify
from botbottle.model.usage import Completeness
from tests.meter.judge import Mismatch, expected_output
from tests.meter.truth.base import Step, ident, truth
from tests.meter.truth.openai import responses_events


@dataclass
class Lane:
    """Requests of one stream id, answered in order."""

    name: str
    scripts: list[list[Step]] = field(default_factory=list)
    passed: list[Step] = field(default_factory=list)  # of the response in flight
    asked: list[str] = field(default_factory=list)  # request ids not settled


@dataclass
class World:
    """What should have been settled by now."""

    finals: dict[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)  # row -> owner
    spent_nothing: set[str] = field(default_factory=set)
    got: list[Settlement] = field(default_factory=list)


def _meter() -> WebSocketMeter:
    call = identify("api.openai.com", "GET", "/v1/responses", {"Upgrade": "websocket"}, {})
    assert call is not None
    return WebSocketMeter(call, "ws", clock=lambda: 1.0)


def _ask(m: WebSocketMeter, lane: Lane, rng: random.Random, world: World) -> None:
    prewarm = rng.random() < 0.2
    frame: dict[str, Any] = {"type": "response.create", "input": "x"}
    if lane.name:
        frame["stream_id"] = lane.name
    if prewarm:
        frame["generate"] = False
    admission = m.client_frame(json.dumps(frame).encode())
    assert admission is not None
    if rng.random() < 0.1:
        return  # refused: dropped by the sidecar, never sent
    m.sent(admission)
    lane.asked.append(admission.request.request_id)
    lane.scripts.append(_prewarmed(rng) if prewarm else _script(rng))


def _prewarmed(rng: random.Random) -> list[Step]:
    usage = {"input_tokens": 0, "output_tokens": 0}
    shell = {"id": ident(rng, "resp_"), "status": "completed", "usage": usage}
    return [Step({"type": "response.completed", "response": shell})]


def _script(rng: random.Random) -> list[Step]:
    if rng.random() < 0.1:
        return [Step({"type": "error", "status": 429, "error": {"code": "rate_limit_exceeded"}})]
    return responses_events(rng, ident(rng, "resp_"), truth(rng))


def _steer(m: WebSocketMeter, lane: Lane, rng: random.Random) -> None:
    """Add input to the response in flight: it ends early and a successor follows unasked."""
    shell = {"type": "response.steer", **({"stream_id": lane.name} if lane.name else {})}
    last = lane.scripts[0][-1].doc.get("response", {})
    if "incomplete_details" in last or not last:
        return  # once a response
    owner = ""
    if rng.random() < 0.7:  # else the server steers by itself
        admission = m.client_frame(json.dumps(shell).encode())
        assert admission is not None
        m.sent(admission)
        owner = admission.request.request_id
    last["status"], last["incomplete_details"] = "incomplete", {"reason": "steered"}
    lane.scripts[0][-1].doc["type"] = "response.incomplete"
    lane.scripts.insert(1, responses_events(rng, ident(rng, "resp_"), truth(rng)))
    lane.asked.insert(1, owner)


def _play(m: WebSocketMeter, lane: Lane, world: World) -> None:
    step = lane.scripts[0].pop(0)
    doc = dict(step.doc)
    if lane.name:
        doc["stream_id"] = lane.name
    world.got += m.server_frame(json.dumps(doc).encode())
    lane.passed.append(step)
    kind = doc["type"]
    if kind in ("response.completed", "response.incomplete", "error"):
        owner = lane.asked.pop(0)
        for row, _, t in step.rows:
            world.finals[row] = (owner, t.classes())
        if not step.rows:
            world.spent_nothing.add(owner)
        lane.passed = []
    if not lane.scripts[0]:
        lane.scripts.pop(0)


def run(seed: int) -> int:
    """One socket; raises Mismatch. Returns how many responses it carried."""
    rng = random.Random(seed)
    m, world = _meter(), World()
    lanes = [Lane(name) for name in rng.choice((("",), ("a", "b"), ("", "a", "b", "c")))]
    for _ in range(rng.randint(1, 60)):
        lane = rng.choice(lanes)
        if rng.random() < 0.15:
            _ask(m, lane, rng, world)
        elif lane.passed and len(lane.scripts[0]) > 1 and rng.random() < 0.1:
            _steer(m, lane, rng)
        elif lane.scripts:
            _play(m, lane, world)
    carried = len(world.finals)
    _judge_end(m, lanes, world)
    return carried


def _judge_end(m: WebSocketMeter, lanes: list[Lane], world: World) -> None:
    for settled in world.got:
        for row in settled.exchanges:
            want = world.finals.pop(row.response_id, None)
            if want != (settled.request_id, astuple(row.tokens)):
                raise Mismatch(f"{row} of {settled.request_id} but {want}")
            if row.completeness is not Completeness.FINAL:
                raise Mismatch(f"not final: {row}")
        if not settled.exchanges and settled.request_id not in world.spent_nothing:
            raise Mismatch(f"{settled} gave nothing")
    if world.finals:
        raise Mismatch(f"lost: {world.finals}")
    _judge_open(m.close(Reason.CLIENT_GONE), lanes)


def _judge_open(settled: list[Settlement], lanes: list[Lane]) -> None:
    owed = sorted(request for lane in lanes for request in lane.asked if request)
    if sorted(s.request_id for s in settled if s.request_id) != owed:
        raise Mismatch(f"close settled {settled} but owed {owed}")
    outputs = sorted(row.tokens.output for s in settled for row in s.exchanges)
    flying = [expected_output(lane.passed) for lane in lanes if lane.passed]
    if [o for o in outputs if o] != sorted(o for o in flying if o):
        raise Mismatch(f"partial outputs {outputs} but {flying}")
