"""The Responses WebSocket, spoken to by an independent client (aiohttp)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.test_world.decode import FULL, from_responses, tokens
from tests.world import World

CREATE: dict[str, Any] = {"type": "response.create", "model": "gpt-6.1-sol", "input": "hello"}

type Socket = aiohttp.ClientWebSocketResponse
type Talk[T] = Callable[[Socket], Awaitable[T]]


def converse[T](world: World, talk: Talk[T], path: str = "/v1/responses", compress: int = 0) -> T:
    """Open a socket and talk."""

    async def go() -> T:
        timeout = aiohttp.ClientTimeout(total=20)
        url = f"ws://127.0.0.1:{world.http_port}{path}"
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.ws_connect(url, compress=compress) as socket,
        ):
            return await talk(socket)

    return asyncio.run(go())


async def until_terminal(socket: Socket, count: int = 1) -> list[dict[str, Any]]:
    """Events until so many terminal ones passed."""
    events: list[dict[str, Any]] = []
    endings = ("response.completed", "response.incomplete", "response.failed", "error")
    while sum(event["type"] in endings for event in events) < count:
        events.append(json.loads(await socket.receive_str()))
    return events


@pytest.mark.parametrize("compress", [0, 15])
def test_one_socket_carries_many_responses_each_on_record(world: World, compress: int) -> None:
    world.script(usage=FULL)

    async def talk(socket: Socket) -> list[dict[str, Any]]:
        await socket.send_json(CREATE)
        first = await until_terminal(socket)
        await socket.send_json(CREATE | {"previous_response_id": first[-1]["response"]["id"]})
        return [first[-1], (await until_terminal(socket))[-1]]

    ends = converse(world, talk, compress=compress)
    assert [from_responses(end["response"]["usage"]) for end in ends] == [FULL, FULL]
    upgrade, *rest = world.requests()
    assert (upgrade["dialect"], upgrade["status"]) == ("openai.ws_upgrade", 101)
    offered = dict(upgrade["headers"]).get("sec-websocket-extensions", "")
    assert ("permessage-deflate" in offered) is bool(compress)
    assert [r["method"] for r in rest] == ["WS", "WS"]
    assert [r["responses"][0]["id"] for r in rest] == [end["response"]["id"] for end in ends]
    assert world.totals()["reported"]["output"] == 2 * FULL["output"]


def test_a_prewarm_completes_with_zero_usage(world: World) -> None:
    async def talk(socket: Socket) -> list[dict[str, Any]]:
        await socket.send_json(CREATE | {"generate": False})
        return await until_terminal(socket)

    events = converse(world, talk)
    assert [event["type"] for event in events] == ["response.created", "response.completed"]
    assert from_responses(events[-1]["response"]["usage"]) == tokens()
    (truth,) = world.requests(method="WS")
    assert truth["billed"] == tokens()


def test_streams_run_in_parallel_when_multiplexed(world: World) -> None:
    world.script(delay=0.03, events=5)

    async def talk(socket: Socket) -> list[dict[str, Any]]:
        for ident in ("a", "b"):
            await socket.send_json(CREATE | {"stream_id": ident})
        return await until_terminal(socket, 2)

    order = [event["stream_id"] for event in converse(world, talk)]
    assert set(order) == {"a", "b"}
    assert order != sorted(order), "events of both streams are interleaved"


def test_without_stream_ids_responses_come_one_after_the_other(world: World) -> None:
    world.script(delay=0.01, events=3)

    async def talk(socket: Socket) -> list[dict[str, Any]]:
        await socket.send_json(CREATE)
        await socket.send_json(CREATE)
        return await until_terminal(socket, 2)

    numbers = [event["sequence_number"] for event in converse(world, talk)]
    assert numbers.count(0) == 2
    assert numbers == sorted(numbers[: len(numbers) // 2]) * 2


def test_steering_ends_a_response_and_a_successor_follows(world: World) -> None:
    world.script(delay=0.03, events=20, usage=FULL)

    async def talk(socket: Socket) -> list[dict[str, Any]]:
        await socket.send_json(CREATE)
        await socket.receive_str()
        await socket.send_json({"type": "response.steer", "model": "gpt-6.1-sol", "input": "no"})
        return await until_terminal(socket, 2)

    events = converse(world, talk)
    steered = next(event for event in events if event["type"] == "response.incomplete")
    assert steered["response"]["incomplete_details"] == {"reason": "steered"}
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["id"] != steered["response"]["id"]
    assert world.totals()["billed"]["output"] == 2 * FULL["output"]


def test_a_scripted_refusal_is_an_error_frame_and_the_socket_stays_open(world: World) -> None:
    world.script(
        status=429,
        body={"error": {"type": "usage_limit_reached", "message": "budget"}},
        method="WS",
        times=1,
    )

    async def talk(socket: Socket) -> tuple[dict[str, Any], dict[str, Any]]:
        await socket.send_json(CREATE)
        refused = (await until_terminal(socket))[-1]
        await socket.send_json(CREATE)
        return refused, (await until_terminal(socket))[-1]

    refused, later = converse(world, talk)
    assert (refused["type"], refused["status"]) == ("error", 429)
    assert refused["error"]["type"] == "usage_limit_reached"
    assert later["type"] == "response.completed"
    first, second = world.requests(method="WS")
    assert (first["status"], first["responses"], second["status"]) == (429, [], 200)


def test_an_upgrade_can_be_declined(world: World) -> None:
    world.script(upgrade_status=426, path="/v1/responses")

    async def talk(socket: Socket) -> None:
        raise AssertionError("the socket must not open")

    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        converse(world, talk)
    assert caught.value.status == 426
    assert world.requests()[0]["dialect"] == "ws.declined"


def test_a_cut_breaks_the_socket_in_the_middle(world: World) -> None:
    world.script(cut_after=3, method="WS")

    async def talk(socket: Socket) -> list[aiohttp.WSMsgType]:
        await socket.send_json(CREATE)
        return [(await socket.receive()).type for _ in range(4)]

    kinds = converse(world, talk)
    assert kinds[:3] == [aiohttp.WSMsgType.TEXT] * 3
    assert kinds[3] is not aiohttp.WSMsgType.TEXT
    (truth,) = world.requests(method="WS")
    assert (truth["outcome"], truth["events_sent"], truth["reported"]) == ("cut", 3, None)


def test_a_close_code_can_be_scripted(world: World) -> None:
    world.script(ws_close=1008, method="WS")

    async def talk(socket: Socket) -> int | None:
        await socket.send_json(CREATE)
        await socket.receive()
        return socket.close_code

    assert converse(world, talk) == 1008


def test_fragmented_messages_are_whole_again_at_the_reader(world: World) -> None:
    world.script(split=5, usage=FULL, text="漢字 whole")

    async def talk(socket: Socket) -> list[dict[str, Any]]:
        await socket.send_json(CREATE)
        return await until_terminal(socket)

    last = converse(world, talk)[-1]
    assert last["response"]["output"][-1]["content"][0]["text"] == "漢字 whole"


def test_the_echo_socket_sends_back(world: World) -> None:
    async def talk(socket: Socket) -> str:
        await socket.send_str("ping?")
        return await socket.receive_str()

    assert converse(world, talk, path="/ws") == "ping?"
