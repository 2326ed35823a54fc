"""Usage on its way to disk: never forgotten, whatever its texts and however much it is."""

import asyncio

import pytest

from botbottle.ledger.records import Refusal
from botbottle.model.usage import Tokens
from botbottle.sidecar.ledger import outbox as outbox_module
from botbottle.sidecar.ledger import wire
from tests.ledger.worlds import exchange, register
from tests.sidecar_ledger.clients import connected, run


def test_usage_told_before_the_service_is_up_is_delivered_when_it_is(world):
    """The service comes later; nothing is lost, nothing is counted twice."""
    register(world.ledger, "web")

    async def scenario():
        client = await connected(world, timeout=0.2)
        waiting = asyncio.ensure_future(client.append([exchange(), exchange()]))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert client._outbox.waiting == 2
        stop = asyncio.Event()
        from botbottle.sidecar.ledger.__main__ import serve

        server = asyncio.create_task(serve(str(world.db), world.root, stop))
        assert (await waiting).recorded == 2
        assert client._outbox.waiting == 0
        assert await client.close(drain=60) == 0
        stop.set()
        await server

    run(scenario())
    assert world.ledger.usage([])[0].requests == 2


def test_what_could_not_be_delivered_is_told_at_the_end(world):
    async def scenario():
        client = await connected(world)
        task = asyncio.ensure_future(client.append([exchange()] * 3))
        await asyncio.sleep(0)
        assert await client.close(drain=0.1) == 3
        task.cancel()

    run(scenario())


def test_cancelling_the_wait_does_not_cancel_the_booking(bottle):
    async def scenario():
        client = await connected(bottle)
        waiting = asyncio.ensure_future(client.append([exchange()]))
        await asyncio.sleep(0)
        waiting.cancel()
        assert await client.close(drain=60) == 0

    run(scenario())
    assert bottle.ledger.usage([])[0].requests == 1


def test_too_much_undelivered_usage_stops_admission(world, monkeypatch):
    monkeypatch.setattr(outbox_module, "MAX_WAITING", 2)

    async def scenario():
        client = await connected(world, timeout=0.1)
        task = asyncio.ensure_future(client.append([exchange(), exchange()]))
        await asyncio.sleep(0)
        refusal = await client.admit("claude", "m", input_tokens=1, allowance=1)
        assert "waiting for the ledger" in refusal.message
        await client.close(drain=0.0)
        task.cancel()

    run(scenario())


@pytest.mark.parametrize("reason", ["the service refuses it", "no frame can hold it"])
def test_usage_that_is_never_booked_ends_admission(bottle, monkeypatch, reason):
    """No meter makes such a row; if one did, its tokens would be nobody's from then on."""

    def unbookable(_):
        if reason == "no frame can hold it":
            return {"model": "x" * wire.MAX_FRAME}
        return {"tokens": -1}

    async def scenario():
        client = await connected(bottle)
        before = await client.admit("claude", "m", input_tokens=1, allowance=1)
        assert not isinstance(before, Refusal)
        monkeypatch.setattr(wire, "exchange_to_wire", unbookable)
        assert (await client.append([exchange()])).recorded == 0
        assert client.rejected == 1
        refusal = await client.admit("claude", "m", input_tokens=1, allowance=1)
        assert isinstance(refusal, Refusal) and "refused usage" in refusal.message
        await client.close()

    run(scenario())


@pytest.mark.parametrize(
    "field",
    [
        {"model": "evil\nmodel\ud800" * 100},
        {"host": "ü" * 300},
        {"response_id": "\x00" * 10},
        {"response_id": "x" * 1000},
        {"response_id": ""},
        {"tokens": Tokens(output=10**12)},
        {"tokens": Tokens(output=1, reasoning=5)},
    ],
)
def test_no_text_or_number_of_an_agent_keeps_usage_from_being_booked(bottle, field):
    from msgspec.structs import replace

    async def scenario():
        client = await connected(bottle)
        settled = await client.append([replace(exchange(), **field)])
        assert settled.recorded == 1
        assert client.rejected == 0
        await client.close()

    run(scenario())


def test_long_and_strange_ids_stay_distinct_and_still_detect_replays(bottle):
    async def scenario():
        client = await connected(bottle)
        names = ["x" * 1000 + "a", "x" * 1000 + "b", "x" * 1000 + "a"]
        settled = await client.append([exchange(name=n) for n in names])
        assert (settled.recorded, settled.duplicates) == (2, 1)
        await client.close()

    run(scenario())


def test_hundreds_of_exchanges_go_in_frames_that_fit(bottle):
    async def scenario():
        client = await connected(bottle)
        settled = await client.append([exchange() for _ in range(500)])
        assert settled.recorded == 500
        await client.close()

    run(scenario())
