"""The sidecar's client: fails closed when asking, never forgets when telling."""

import asyncio
import time

from botbottle.budget.counting import CLASSES
from botbottle.ledger.records import Admitted, Progress, Refusal
from botbottle.model.bottle import Limit
from botbottle.model.usage import Tokens
from botbottle.sidecar.ledger import client as client_module
from botbottle.sidecar.ledger.link import FIRST_RETRY
from tests.ledger.worlds import exchange, register
from tests.sidecar_ledger.clients import connected, run, until


def test_a_request_is_admitted_followed_and_settled(bottle):
    bottle.ledger.set_limit("bottle:dev", Limit("claude", 10_000), by="t")

    async def scenario():
        client = await connected(bottle)
        admitted = await client.admit("claude", "m", input_tokens=100, allowance=400)
        assert isinstance(admitted, Admitted)
        assert (admitted.room, admitted.limit) == (9_500, 10_000)
        running = await client.progress(admitted.lease, Tokens(output=50))
        assert running == Progress(False, 9_950, "")
        settled = await client.settle(admitted.lease, [exchange(60, prompt=40)])
        assert (settled.recorded, settled.room, settled.crossed) == (1, 9_900, False)
        assert await client.close(drain=60) == 0

    run(scenario())
    assert bottle.ledger.usage([])[0].counted == 100


def test_what_a_response_cost_is_booked_before_the_next_request_is_judged(bottle):
    """Nothing waits for the settlement, and the agent may ask again at once: what the response
    had reserved must not stand in the way."""
    bottle.ledger.set_limit("bottle:dev", Limit("claude", 1_000), by="t")

    async def scenario():
        client = await connected(bottle)
        first = await client.admit("claude", "m", input_tokens=100, allowance=5_000)
        assert (first.reserved, first.room) == (1_000, 0), "all there is"
        asking = client.settle(first.lease, [exchange(60, prompt=40)])
        told = asyncio.Task(asking, loop=asyncio.get_running_loop(), eager_start=True)
        second = await client.admit("claude", "m", input_tokens=100, allowance=5_000)
        assert isinstance(second, Admitted), second
        assert second.spent == 100
        await told
        await client.close(drain=60)

    run(scenario())


def test_a_batch_is_judged_by_all_that_it_asks_for(bottle):
    """More than any one response can cost, and it cannot be cut once it is created."""
    bottle.ledger.set_limit("bottle:dev", Limit("claude", 30_000_000), by="t")

    async def scenario():
        client = await connected(bottle)
        refusal = await client.admit("claude", "m", input_tokens=82_500_000, allowance=0)
        assert isinstance(refusal, Refusal)
        fits = await client.admit("claude", "m", input_tokens=25_000_000, allowance=0)
        assert isinstance(fits, Admitted)
        assert fits.reserved >= 25_000_000
        await client.close(drain=60)

    run(scenario())


def test_a_refusal_comes_back_as_data(bottle):
    bottle.ledger.set_limit("bottle:dev", Limit("claude", 0), by="t")

    async def scenario():
        client = await connected(bottle)
        refusal = await client.admit("claude", "m", input_tokens=1, allowance=1)
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.scope, refusal.limit) == ("budget-exhausted", "bottle:dev", 0)
        await client.close()

    run(scenario())


def test_without_a_service_nothing_is_admitted_and_the_answer_comes_in_time(world):
    async def scenario():
        client = await connected(world, timeout=0.2)
        refusal = await client.admit("claude", "m", input_tokens=1, allowance=1)
        assert refusal.code == "unavailable"
        assert await client.hello() is None
        assert await client.budget() is None
        assert not await client.heartbeat({})
        assert await client.propose("egress-allow", {}, "") is None
        assert (await client.progress("ab", Tokens())).cut
        await client.close(drain=0.1)

    run(scenario())


def test_a_running_request_survives_a_short_silence_within_its_room_and_no_longer(
    bottle, monkeypatch
):
    bottle.ledger.set_limit("bottle:dev", Limit("claude", 1_000), by="t")
    monkeypatch.setattr(client_module, "GRACE_SECONDS", 1000.0)

    async def scenario():
        client = await connected(bottle)
        lease = (await client.admit("claude", "m", input_tokens=0, allowance=100)).lease
        client._timeout = 0.05
        client._link._path = "/nowhere"
        client._link._writer.close()
        await asyncio.sleep(0.1)
        assert (await client.progress(lease, Tokens(output=500))).cut is False
        assert (await client.progress(lease, Tokens(output=1_000))).cut is True
        monkeypatch.setattr(client_module, "GRACE_SECONDS", 0.0)
        assert (await client.progress(lease, Tokens(output=500))).cut is True
        await client.close(drain=0)

    run(scenario())


def test_in_a_silence_only_what_the_budget_counts_is_held_against_a_request(bottle, monkeypatch):
    bottle.ledger.set_limit("bottle:dev", Limit("claude", 1_000), by="t")
    register(bottle.ledger, "web", count=("output",))
    monkeypatch.setattr(client_module, "GRACE_SECONDS", 1000.0)

    async def scenario():
        client = await connected(bottle)
        admitted = await client.admit("claude", "m", input_tokens=0, allowance=100)
        assert admitted.count == ("output",)
        client._timeout = 0.05
        client._link._path = "/nowhere"
        client._link._writer.close()
        await asyncio.sleep(0.1)
        read = Tokens(cache_read=50_000, output=500)
        assert (await client.progress(admitted.lease, read)).cut is False
        assert (await client.progress(admitted.lease, Tokens(output=1_000))).cut is True
        await client.close(drain=0)

    run(scenario())


def test_a_class_that_the_sidecar_does_not_know_makes_everything_count():
    assert client_module._classes({"count": ["output", "cache_read"]}) == ("output", "cache_read")
    assert client_module._classes({"count": ["output", "of_next_year"]}) == ()
    assert client_module._classes({}) == client_module._classes({"count": CLASSES}) == ()


def test_quiet_leases_are_renewed_and_a_hold_reaches_them(bottle, monkeypatch):
    monkeypatch.setattr(client_module, "RENEW_SECONDS", 0.05)
    cuts = []

    async def scenario():
        client = await connected(bottle, on_cut=lambda lease, why: cuts.append((lease, why)))
        lease = (await client.admit("claude", "m", input_tokens=0, allowance=100)).lease
        await asyncio.sleep(0.2)
        assert cuts == []
        bottle.ledger.hold("p/web", "cutoff", by="ann", now=time.time())
        await until(lambda: (lease, "held") in cuts)
        await client.close()

    run(scenario())


def test_events_never_block_and_arrive_when_they_can(bottle):
    async def scenario():
        client = await connected(bottle)
        client.event("denial", {"url": "https://x.example/\ud800", "when": object})
        client.event("finding", {"rule": "r1"})
        await until(lambda: len(bottle.ledger.events()) == 2)
        await client.close()

    run(scenario())
    assert [e.kind for e in bottle.ledger.events()] == ["denial", "finding"]


def test_events_beyond_the_queue_are_dropped_and_counted(world):
    async def scenario():
        client = await connected(world)
        for i in range(client_module.MAX_EVENTS + 7):
            client.event("denial", {"n": i})
        assert client.dropped_events == 7
        await client.close(drain=0)

    run(scenario())


def test_a_decision_is_waited_for(bottle):
    async def scenario():
        client = await connected(bottle)
        made = await client.propose("egress-token-allow", {"rule": "r"}, "held by DLP")

        async def operator():
            await asyncio.sleep(0.1)
            bottle.ledger.decide(made["id"], True, by="ann", now=time.time())

        task = asyncio.create_task(operator())
        found = await client.decision(made["id"], seconds=60, every=0.02)
        assert found["status"] == "approved"
        await task
        await client.close()

    run(scenario())


def test_a_decision_that_does_not_come_is_not_an_approval(bottle):
    async def scenario():
        client = await connected(bottle)
        made = await client.propose("egress-token-allow", {}, "", ttl=0.1)
        found = await client.decision(made["id"], seconds=60, every=0.05)
        assert found["status"] == "expired"
        await client.close()

    run(scenario())


def test_a_service_that_hangs_up_on_everybody_is_not_pressed(home):
    """What is refused comes back at once, else: a loop that takes both processors."""
    path, calls = str(home / "s.sock"), []

    async def scenario():
        def turn_away(reader, writer):
            calls.append(asyncio.get_running_loop().time())
            writer.close()

        async with await asyncio.start_unix_server(turn_away, path):
            client = client_module.LedgerClient(path)
            await client.start()
            await until(lambda: len(calls) >= 5)
            await client.close(drain=0)

    run(scenario())
    assert calls[4] - calls[0] > 4 * FIRST_RETRY
