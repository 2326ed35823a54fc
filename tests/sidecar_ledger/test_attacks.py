"""A compromised sidecar: what it cannot do over the one socket it has. Each attack has its
positive control: the honest form of the same request works."""

import json
import time
from contextlib import suppress

import pytest

from botbottle.ledger.opening import open_ledger
from botbottle.model.bottle import Limit
from botbottle.sidecar.ledger import wire
from botbottle.sidecar.ledger.handlers import Caller, Handlers, Now, Refuse
from botbottle.sidecar.ledger.rates import Allowance, Rates
from tests.ledger.worlds import register
from tests.sidecar_ledger.support import Raw, row, wait_for

HUGE = wire.MAX_TOKENS + 1


def alarms(service):
    return [e for e in service.ledger.events(limit=1000) if e.kind == "alarm"]


def test_identity_is_the_socket_whatever_the_frame_claims(service, web):
    register(service.ledger, "victim")
    reply = web.ask(
        "settle", account="p/victim", bottle="p/victim", exchanges=[row(account="p/victim")]
    )
    assert reply["recorded"] == 1
    assert [r.keys for r in service.ledger.usage(["account"])] == [("p/web",)]


def test_another_bottles_lease_can_be_neither_followed_nor_released(service, web):
    register(service.ledger, "victim")
    service.ledger.set_limit("agent:p/victim", Limit("claude", 100), by="t")
    with Raw(service.socket("victim")) as victim:
        lease = victim.admit()["lease"]
        assert web.ask("progress", lease=lease, tokens={})["cut"]
        web.ask("release", lease=lease)
        assert victim.admit()["code"] == "budget-reserved"
        assert not victim.ask("progress", lease=lease, tokens={})["cut"]


def test_another_bottles_proposals_cannot_be_seen(service, web):
    register(service.ledger, "victim")
    with Raw(service.socket("victim")) as victim:
        number = victim.ask("propose", kind="egress-allow", payload={})["proposal"]["id"]
        assert victim.ask("proposal", proposal=number)["ok"]
    assert web.ask("proposal", proposal=number)["code"] == "unknown-proposal"


@pytest.mark.parametrize(
    "tokens",
    [
        {"output": -1},
        {"input_uncached": -(10**9)},
        {"output": HUGE},
        {"output": 10**30},
        {"output": 1.5},
        {"output": True},
        {"output": "5"},
        {"output": None},
        {"output": 1, "reasoning": 2},
        {"tokens": 5},
        [5],
        "5",
    ],
)
def test_negative_absurd_or_malformed_usage_is_refused_and_alarmed(service, web, tokens):
    reply = web.settle(row(tokens=tokens))
    assert (reply["ok"], reply["code"]) == (False, "bad-request")
    assert web.settle(row(tokens={"output": 5}))["recorded"] == 1
    assert service.ledger.usage([])[0].counted == 5
    assert [a.account for a in alarms(service)] == ["p/web"]


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "Claude; DROP TABLE usage"},
        {"provider": ""},
        {"provider": "x" * 65},
        {"model": "x" * 201},
        {"model": "a\nb"},
        {"model": "\ud800"},
        {"host": 5},
        {"response_id": ""},
        {"response_id": "x" * 257},
        {"completeness": "settled"},
        {"completeness": None},
        {"at": "now"},
        {"at": None},
        {"at": 10**400},
        {"note": "\x00"},
    ],
)
def test_rows_with_impossible_fields_are_refused_as_a_whole(service, web, change):
    assert web.settle(row(), row(**change))["code"] == "bad-request"
    assert service.ledger.usage([]) == ()


def test_numbers_that_json_does_not_have_are_refused(service, web):
    frame = web.frame("settle", exchanges=[row(at=1.0)]).replace(b'"at":1.0', b'"at":Infinity')
    web.send(frame)
    assert web.receive()["code"] == "bad-request"


def test_usage_that_was_refused_leaves_its_lease_to_expire_not_to_be_free(service, web):
    service.ledger.set_limit("bottle:dev", Limit("claude", 100), by="t")
    lease = web.admit()["lease"]
    assert not web.settle(row(tokens={"output": -5}), lease=lease)["ok"]
    assert web.admit()["code"] == "budget-reserved"


def test_replays_are_counted_once_over_any_number_of_connections(service, web):
    same = row(response_id="msg_1")
    assert web.settle(same)["recorded"] == 1
    with Raw(service.socket("web")) as other:
        assert [other.settle(same)["duplicates"] for _ in range(5)] == [1] * 5
    assert service.ledger.usage([])[0].requests == 1


def test_time_cannot_be_moved_to_spend_in_another_window(service, web):
    service.ledger.set_limit("bottle:dev", Limit("claude", 100, "hour"), by="t")
    web.settle(row(at=1.0), row(at=time.time() + 10**7))
    assert web.admit()["code"] == "budget-exhausted"
    assert all(abs(r.at - time.time()) < 60 for r in service.ledger.exchanges())


@pytest.mark.parametrize(
    "line",
    [
        b"not json",
        b"[]",
        b'"text"',
        b"null",
        b"{}",
        b'{"v":2,"id":1,"op":"hello"}',
        b'{"v":1,"op":"hello"}',
        b'{"v":1,"id":"1","op":"hello"}',
        b'{"v":1,"id":true,"op":"hello"}',
        b'{"v":1,"id":1}',
        b'{"v":1,"id":1,"op":["hello"]}',
        b"[" * 60_000,
        b'{"v":1,"id":' + b"9" * 5000 + b',"op":"hello"}',
        b"\xff\xfe\x00",
        b'{"v":1,"id":1,"op":"hello"',
    ],
)
def test_malformed_frames_are_refused_and_the_connection_lives_on(service, web, line):
    web.send(line + b"\n")
    assert web.receive()["code"] == "bad-request"
    assert web.ask("hello")["ok"]


@pytest.mark.parametrize(
    "op", ["register", "hold", "set_limit", "_admit", "__class__", "", "retire"]
)
def test_no_operation_of_the_host_can_be_called(service, web, op):
    assert web.ask(op, account="p/web", scope="global", tokens=5)["code"] == "bad-request"
    assert service.ledger.audit() == ()
    assert alarms(service)


def test_a_frame_without_end_is_cut_off(service, web):
    web.send(b"x" * (wire.MAX_FRAME + 1))
    assert web.receive()["code"] == "bad-request"
    assert web.receive() is None
    with Raw(service.socket("web")) as again:
        assert again.ask("hello")["ok"]


def test_a_stream_of_garbage_ends_the_connection_not_the_service(service, web):
    with suppress(OSError):
        web.send(b"garbage\n" * 2000)
    replies = 0
    while web.receive() is not None:
        replies += 1
    assert replies < 100
    with Raw(service.socket("web")) as again:
        assert again.admit()["ok"]


def test_alarms_of_a_flood_are_bounded(service, web):
    for _ in range(3):
        with Raw(service.socket("web")) as raw:
            raw.send(b"garbage\n" * 16)
            for _ in range(16):
                raw.receive()
    assert 1 <= len(alarms(service)) <= 35


def test_a_flood_of_requests_is_refused_while_another_bottle_is_served(service, web):
    register(service.ledger, "victim")
    frames = b"".join(web.frame("hello") for _ in range(250))
    with Raw(service.socket("victim")) as victim:
        codes = set()
        for _ in range(60):
            web.send(frames)
            assert victim.ask("hello")["ok"]
            codes |= {web.receive().get("code") for _ in range(250)}
    assert "flood" in codes


def test_a_client_that_never_reads_is_cut_off_and_harms_nobody(service, web):
    register(service.ledger, "victim")
    web._socket.settimeout(30)
    with suppress(OSError):
        for _ in range(40_000):
            web.send(web.frame("hello"))
    with Raw(service.socket("victim")) as victim:
        assert victim.admit()["ok"]
    replies = 0
    while web.receive() is not None:  # a connection that lives would end in a timeout
        replies += 1
    assert replies < 40_000


def test_too_many_connections_are_turned_away(service, web):
    with Raw(service.socket("web")) as second:
        assert second.ask("hello")["ok"]
    many = [Raw(service.path("web")) for _ in range(40)]
    answered = 0
    for raw in many:
        with suppress(OSError):
            raw.send(raw.frame("hello"))
            answered += raw.receive() is not None
        raw.__exit__()
    assert 1 <= answered <= 16


def test_too_many_exchanges_in_a_frame_are_refused(service, web):
    small = [row(note="") for _ in range(wire.MAX_EXCHANGES + 1)]
    assert web.ask("settle", exchanges=small)["code"] == "bad-request"
    assert web.ask("settle", exchanges=small[:-1])["recorded"] == wire.MAX_EXCHANGES


@pytest.mark.parametrize("op", ["heartbeat", "event", "propose"])
def test_reports_are_bounded_in_size(service, web, op):
    key = {"heartbeat": "status", "event": "data", "propose": "payload"}[op]
    fields = {"kind": "denial" if op == "event" else "egress-allow"}
    assert web.ask(op, **fields, **{key: {"x": "y" * wire.MAX_DATA}})["code"] == "bad-request"
    assert web.ask(op, **fields, **{key: {"x": "y"}})["ok"]


def test_alarms_cannot_be_forged_as_the_services_own(service, web):
    assert web.ask("event", kind="alarm", data={"forged": True})["code"] == "bad-request"
    assert [a.data.get("forged") for a in alarms(service)] == [None]


def test_a_flood_of_events_is_bounded(service, web):
    codes = [web.ask("event", kind="denial", data={}).get("code") for _ in range(260)]
    assert codes[0] is None
    assert codes[-1] == "flood"


def test_a_flood_of_heartbeats_is_bounded_each_is_written_to_disk(service, web):
    codes = [web.ask("heartbeat", status={"x": "y" * 10_000}).get("code") for _ in range(60)]
    assert codes[0] is None
    assert codes[-1] == "flood"
    assert web.admit()["ok"]


def test_exchanges_are_bounded_for_as_long_as_a_flood_may_last():
    """A day of it fills no disk: what came in a burst is not given again every few seconds."""
    ledger = open_ledger(":memory:")
    register(ledger, "web")
    handlers = Handlers(ledger, Rates())
    caller, taken = Caller("p/web", Allowance(Rates(kept=(10.0, 500.0)))), 0
    for second in range(100):
        frame = {"op": "settle", "exchanges": [row() for _ in range(100)]}
        with suppress(Refuse):
            handlers.handle(caller, frame, Now(time.time(), float(second)))
            taken += 100
    assert 500 <= taken <= 500 + 10 * 100


def test_large_frames_that_mean_nothing_end_the_connection_unread(service, web):
    register(service.ledger, "victim")
    frame, sent = web.frame("hello", data=[[]] * 15_000), 0
    with suppress(OSError):
        web.send(frame)
        while web.receive() is not None:
            sent += len(frame)
            assert sent < 10**9, "nobody stops it"
            web.send(frame)
    assert sent > 10**6, "an honest one has that much to say after an outage"
    with Raw(service.socket("victim")) as victim:
        assert victim.admit()["ok"]
    assert "too many bytes" in [a.data["message"] for a in alarms(service)]


def test_readings_are_bounded_apart_from_requests(service, web):
    codes = [web.ask("budget").get("code") for _ in range(60)]
    assert codes[0] is None
    assert codes[-1] == "flood"
    assert web.admit()["ok"]


def test_proposals_that_wait_are_bounded(service, web):
    codes = [web.ask("propose", kind="egress-allow").get("code") for _ in range(30)]
    assert codes.count(None) == 20
    assert codes[-1] == "flood"


@pytest.mark.parametrize("ttl", [0, -5, 10**9, "300", None])
def test_a_proposal_cannot_wait_for_ever_or_not_at_all(service, web, ttl):
    assert web.ask("propose", kind="egress-allow", ttl=ttl)["code"] == "bad-request"


def test_reserving_everything_ends_with_the_lease_and_is_bounded(service, web):
    """A sidecar may starve its own pool for a lease's time; it never gets more than the pool."""
    service.ledger.set_limit("bottle:dev", Limit("claude", 100_000), by="t")
    replies = [web.admit(input=0, output=8192) for _ in range(20)]
    reserved = sum(r.get("reserved", 0) for r in replies)
    assert reserved == 100_000
    assert replies[-1]["code"] == "budget-reserved"
    assert max(r["expires"] for r in replies if r["ok"]) < time.time() + 121


def test_text_of_agents_is_stored_as_text(service, web):
    evil = "'); DROP TABLE usage; --"
    assert web.settle(row(model=evil, host=evil, note=evil))["recorded"] == 1
    assert service.ledger.exchanges()[0].model == evil


def test_the_service_never_sends_what_it_was_not_asked(service, web):
    register(service.ledger, "victim")
    with Raw(service.socket("victim")) as victim:
        victim.settle(row(response_id="secret_id"))
    replies = json.dumps([web.ask("hello"), web.ask("budget"), web.admit()])
    assert "secret_id" not in replies
    assert "victim" not in replies


def test_after_all_that_the_books_are_in_order(service, web):
    for bad in (row(tokens={"output": -1}), row(provider="!")):
        web.settle(bad)
    web.settle(row())
    wait_for(lambda: service.ledger.usage([]))
    assert service.ledger.check().problems == ()
