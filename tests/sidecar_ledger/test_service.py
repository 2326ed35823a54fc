"""The service's operations over a real socket."""

import asyncio
import time

import pytest

from botbottle import __version__, errors
from botbottle.model.bottle import Limit
from botbottle.sidecar.ledger import sockets
from botbottle.sidecar.ledger.connection import MAX_WAITING, Connection
from botbottle.sidecar.ledger.descriptors import Descriptors
from botbottle.sidecar.ledger.follow import POLL_SECONDS
from botbottle.sidecar.ledger.handlers import Caller
from botbottle.sidecar.ledger.probe import Probe
from botbottle.sidecar.ledger.rates import Rates
from botbottle.sidecar.ledger.service import TURN, Service
from tests.ledger.worlds import register
from tests.sidecar_ledger.support import Raw, row, wait_for


def test_hello_tells_the_account_behind_the_socket(web):
    assert web.ask("hello") == {
        "v": 1, "id": 1, "ok": True, "account": "p/web", "version": __version__}  # fmt: skip


def test_admission_answers_with_lease_room_and_the_governing_pool(service, web):
    service.ledger.set_limit("bottle:dev", Limit("claude", 1000, "day"), by="t")
    reply = web.admit()
    assert reply["ok"]
    assert (reply["scope"], reply["limit"], reply["spent"], reply["room"]) == (
        "bottle:dev", 1000, 0, 900)  # fmt: skip
    assert reply["lease"]
    assert reply["expires"] > time.time()


def test_settling_is_durable_when_it_is_answered(service, web):
    lease = web.admit()["lease"]
    reply = web.settle(row(40), lease=lease)
    assert (reply["ok"], reply["recorded"], reply["duplicates"]) == (True, 1, 0)
    assert service.ledger.usage([])[0].counted == 90


def test_a_refusal_carries_what_the_agents_client_must_be_told(service, web):
    service.ledger.set_limit("bottle:dev", Limit("claude", 100, "hour"), by="t")
    assert web.settle(row(70))["crossed"]
    reply = web.admit()
    assert (reply["ok"], reply["code"], reply["provider"]) == (False, "budget-exhausted", "claude")
    assert (reply["limit"], reply["spent"], reply["window"]) == (100, 120, "hour")
    assert 0 < reply["retry_after"] <= 3600
    assert "120 of 100 tokens per hour" in reply["message"]


def test_an_operators_hold_counts_from_the_next_request(service, web):
    lease = web.admit()["lease"]
    service.ledger.hold("p/web", "cutoff", by="ann", reason="odd", now=time.time())
    assert web.admit()["code"] == "held"
    assert web.ask("progress", lease=lease, tokens={"output": 1})["cut"]


def test_a_running_request_is_told_to_stop_when_the_pool_is_crossed(service, web):
    service.ledger.set_limit("bottle:dev", Limit("claude", 5000), by="t")
    lease = web.admit()["lease"]
    assert not web.ask("progress", lease=lease, tokens={"output": 4000})["cut"]
    assert web.ask("progress", lease=lease, tokens={"output": 5000})["cut"]


def test_a_released_lease_gives_its_room_back(service, web):
    service.ledger.set_limit("bottle:dev", Limit("claude", 100), by="t")
    lease = web.admit(input=10, output=90)["lease"]
    assert web.admit()["code"] == "budget-reserved"
    assert web.ask("release", lease=lease)["ok"]
    assert web.admit()["ok"]


def test_polled_results_are_appended_without_a_lease_and_once(service, web):
    batch = [row(), row()]
    assert web.ask("append", exchanges=batch)["recorded"] == 2
    assert web.ask("append", exchanges=batch)["duplicates"] == 2


def test_a_bottle_sees_its_own_pools(service, web):
    service.ledger.set_limit("bottle:dev", Limit("claude", 1000), by="t")
    (pool,) = web.ask("budget")["pools"]
    assert (pool["scope"], pool["limit"], pool["spent"]) == ("bottle:dev", 1000, 0)


def test_heartbeats_and_events_arrive_at_the_host(service, web):
    assert web.ask("heartbeat", status={"ready": True})["ok"]
    assert web.ask("event", kind="denial", data={"host": "x.example"})["ok"]
    assert service.ledger.heartbeats()[0].status == {"ready": True}
    (event,) = service.ledger.events()
    assert (event.account, event.kind, event.data) == ("p/web", "denial", {"host": "x.example"})


def test_a_proposal_is_made_decided_on_the_host_and_seen_by_the_bottle(service, web):
    made = web.ask("propose", kind="egress-allow", payload={"a": 1}, justification="why\nso")
    number = made["proposal"]["id"]
    assert web.ask("proposal", proposal=number)["proposal"]["status"] == "pending"
    service.ledger.decide(number, False, by="ann", reason="no", now=time.time())
    seen = web.ask("proposal", proposal=number)["proposal"]
    assert (seen["status"], seen["reason"]) == ("rejected", "no")


def test_pipelined_requests_are_answered_in_order(web):
    web.send(b"".join(web.frame("hello") for _ in range(300)))
    assert [web.receive()["id"] for _ in range(300)] == list(range(1, 301))


def test_a_new_bottle_has_its_socket_without_asking(service):
    for i in range(10):
        register(service.ledger, f"b{i}")
        wait_for(service.path(f"b{i}").exists)
    assert POLL_SECONDS <= 0.05


def test_who_was_answered_sees_a_service_whose_ledger_works(world, tmp_path):
    """Not only at the follower's next look, up to a second later."""
    probe = Probe(tmp_path)
    probe.why = "the connection was lost"
    service = Service(world.ledger, rates=Rates(), log=lambda event, data: None, works=probe.works)

    async def answered(broken):
        batch = world.ledger.batch

        def lost():
            raise errors.LedgerUnavailable("still lost")

        world.ledger.batch = lost if broken else batch
        made = Connection(Caller("", service.allowance("")), service.ready, lambda c: True, print)
        made.send = lambda reply: seen.append((b'"ok":true' in reply, probe.why))
        made.data_received(b'{"v":1,"id":1,"op":"hello"}\n')
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        world.ledger.batch = batch

    seen = []
    asyncio.run(answered(True))
    asyncio.run(answered(False))
    assert seen == [(False, "the connection was lost"), (True, "")]


def test_a_busy_connection_keeps_nobody_waiting_beyond_one_turn(world):
    """All that wait are in the next batch, however much one of them has sent."""
    service = Service(world.ledger, rates=Rates(), log=lambda event, data: None)

    async def scenario():
        made = [
            Connection(Caller("", service.allowance("")), service.ready, lambda c: True, print)
            for _ in range(3)
        ]
        made[0].data_received(b'{"v":1,"id":1,"op":"hello"}\n' * 200)
        for quiet in made[1:]:
            quiet.data_received(b'{"v":1,"id":1,"op":"hello"}\n')
        return [(made.index(c), len(frames)) for c, frames in service._gather()]

    assert asyncio.run(scenario()) == [(0, TURN), (1, 1), (2, 1)]


class Reading:
    """A transport that only notes whether it is read."""

    def __init__(self):
        self.on = True

    def pause_reading(self):
        self.on = False

    def resume_reading(self):
        self.on = True


@pytest.mark.parametrize(
    ("size", "most"), [(60_000, 8), (1, MAX_WAITING + 1)], ids=["bytes", "frames"]
)
def test_what_waits_is_bounded_in_frames_and_in_bytes(size, most):
    """A sidecar that sends faster than it is read fills its own buffers, not the service's."""
    transport, line = Reading(), b"x" * size + b"\n"
    connection = Connection(None, lambda c: None, lambda c: True, print)
    connection.connection_made(transport)
    fed = 0
    while transport.on and fed < 10_000:
        connection.data_received(line)
        fed += 1
    assert fed <= most
    while not transport.on:
        assert connection.take(1) == [line[:-1]]
        fed -= 1
    assert 0 < fed <= most // 2 + 1


def test_sidecars_of_another_user_may_connect_but_only_through_their_own_directory(service, web):
    assert service.path("web").stat().st_mode & 0o777 == 0o666
    assert (service.root / "service.sock").stat().st_mode & 0o777 == 0o600


def test_a_retired_bottle_loses_its_socket_and_its_connections(service, web):
    assert web.ask("hello")["ok"]
    service.ledger.retire("p/web")
    wait_for(lambda: not service.path("web").exists())
    assert web.receive() is None


def test_two_bottles_whose_places_are_the_same_never_share_a_socket(monkeypatch, world):
    """The place is the identity, and its name is a short hash: the second one gets none."""
    monkeypatch.setattr(sockets, "slug", lambda project, name: "same")
    failed = []

    async def scenario():
        service = Service(world.ledger, rates=Rates(), log=lambda event, data: None)
        doors = sockets.Doors(service, world.root, 16, Descriptors(1024))
        await doors.update({"p/web"}, lambda account, error: failed.append(account))
        await doors.update({"p/web", "a/web"}, lambda account, error: failed.append(account))
        accounts = list(doors._doors)
        await doors.update({"a/web"}, lambda account, error: failed.append(account))
        accounts += doors._doors
        doors.close()
        return accounts

    assert asyncio.run(scenario()) == ["p/web", "a/web"]
    assert failed == ["a/web"]


def test_a_bottle_that_comes_back_gets_a_socket_again(service, web):
    service.ledger.retire("p/web")
    wait_for(lambda: not service.path("web").exists())
    register(service.ledger, "web")
    with Raw(service.socket("web")) as again:
        assert again.admit()["ok"]


def test_the_probe_socket_says_hello_and_nothing_else(service):
    def asked(op, **fields):
        with Raw(service.root / "service.sock") as probe:
            return probe.ask(op, **fields)

    wait_for(lambda: asked("hello")["ok"])
    assert asked("hello")["account"] == ""
    for op, fields in (("admit", {"provider": "claude"}), ("settle", {"exchanges": [row()]})):
        assert asked(op, **fields)["code"] == "unknown-account"
    assert service.ledger.usage([]) == ()


@pytest.mark.parametrize("count", [100, 1])
def test_a_socket_directory_that_cannot_be_made_does_not_stop_the_others(service, count):
    from botbottle.model.paths import slug

    (service.root / slug("p", "bad")).write_text("a file in the way")
    register(service.ledger, "bad")
    register(service.ledger, "good")
    with Raw(service.socket("good")) as good:
        assert good.ask("hello")["ok"]
