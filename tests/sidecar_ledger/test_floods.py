"""A compromised sidecar that sends too much: it fills and starves nothing but itself. Each flood
has its positive control: the honest form of the same request works."""

import time
from contextlib import suppress

import pytest

from botbottle.ledger.opening import open_ledger
from botbottle.sidecar.ledger import wire
from botbottle.sidecar.ledger.handlers import Caller, Handlers, Now, Refuse
from botbottle.sidecar.ledger.rates import Allowance, Rates
from tests.ledger.worlds import register
from tests.sidecar_ledger.support import Raw, alarms, row

HUGE = wire.MAX_TOKENS + 1


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


def test_names_of_providers_are_bounded_each_is_a_row_in_every_sum_for_ever(service, web):
    with Raw(service.socket("web")) as other:
        for number in range(100):
            asked = (web, other)[number % 2]
            asked.ask("settle", exchanges=[row(provider=f"made-up-{number}")])
            asked.ask("append", exchanges=[row(provider="claude"), row(provider=f"more-{number}")])
    assert web.admit(provider="yet-another")["code"] == "flood"
    assert web.admit()["ok"], "a provider that it has named goes on"
    assert len(service.ledger.usage(["provider"])) == Rates().providers
    assert "too many providers" in [a.data["message"] for a in alarms(service)]


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
