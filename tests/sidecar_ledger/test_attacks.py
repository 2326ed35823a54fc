"""A compromised sidecar: what it cannot do over the one socket it has. Each attack has its
positive control: the honest form of the same request works."""

import json
import time

import pytest

from botbottle.model.bottle import Limit
from botbottle.sidecar.ledger import wire
from tests.ledger.worlds import register
from tests.sidecar_ledger.support import Raw, alarms, row, wait_for

HUGE = wire.MAX_TOKENS + 1


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


def test_alarms_cannot_be_forged_as_the_services_own(service, web):
    assert web.ask("event", kind="alarm", data={"forged": True})["code"] == "bad-request"
    assert [a.data.get("forged") for a in alarms(service)] == [None]


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


def test_an_estimate_is_told_of_also_beside_a_replay(service, web):
    web.settle(first := row(40))
    web.settle(first, {**row(41), "completeness": "estimated", "note": "nobody could read it"})
    assert [a.data["code"] for a in alarms(service)] == ["estimated"]
