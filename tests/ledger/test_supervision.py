"""Proposals, events, signs of life."""

import pytest

from botbottle import errors
from botbottle.ledger import supervision
from tests.ledger.worlds import WEB


def propose(ledger, now, account=WEB, **fields):
    return ledger.propose(
        account, "egress-allow", {"host": "x.example"}, "need it", now=now, **fields
    )


def test_a_proposal_waits_is_approved_and_tells_the_result(ledger, second, now):
    made = propose(ledger, now)
    assert second.proposal(made.id, now=now) == made
    assert made.status == "pending"
    second.decide(made.id, True, by="ann", reason="fine", result={"routes": 1}, now=now + 1)
    found = ledger.proposal(made.id, now=now + 2)
    assert (found.status, found.by, found.reason) == ("approved", "ann", "fine")
    assert (found.result, found.decided_at) == ({"routes": 1}, now + 1)


def test_a_proposal_nobody_decides_expires_and_cannot_be_decided_late(ledger, now):
    made = propose(ledger, now, ttl=300)
    assert ledger.proposal(made.id, now=now + 299).status == "pending"
    assert ledger.proposal(made.id, now=now + 300).status == "expired"
    with pytest.raises(errors.Refused, match="expired"):
        ledger.decide(made.id, True, by="ann", now=now + 300)


def test_a_proposal_is_decided_once(ledger, now):
    made = propose(ledger, now)
    ledger.decide(made.id, False, by="ann", reason="no", now=now)
    with pytest.raises(errors.Refused, match="rejected"):
        ledger.decide(made.id, True, by="bob", now=now)


def test_proposals_that_nobody_decided_go_when_there_are_many_others_stay(ledger, now, monkeypatch):
    monkeypatch.setattr(supervision, "KEPT_PROPOSALS", 3)
    decided, others = propose(ledger, now), propose(ledger, now, "p/api", ttl=1)
    ledger.decide(decided.id, False, by="ann", now=now)
    waiting = propose(ledger, now, ttl=1000)
    made = [propose(ledger, now + i, ttl=1) for i in range(1, 20)]
    left = {p.id for p in ledger.proposals(now=now + 30)}
    assert {decided.id, others.id, waiting.id, made[-1].id} <= left
    assert len(left) <= 3 + 1 + 3


def test_deciding_what_does_not_exist_is_refused(ledger, now):
    with pytest.raises(errors.Refused, match="unknown"):
        ledger.decide("nope", True, by="ann", now=now)
    assert ledger.proposal("nope", now=now) is None


def test_decisions_are_audited(ledger, now):
    made = propose(ledger, now)
    ledger.decide(made.id, True, by="ann", reason="fine", now=now)
    (row,) = ledger.audit()
    assert (row.action, row.account, row.trigger, row.after) == (
        "proposal",
        WEB,
        made.id,
        "approved",
    )


def test_proposals_are_listed_by_bottle_and_status(ledger, now):
    mine, other = propose(ledger, now), propose(ledger, now + 1, "p/api")
    ledger.decide(other.id, False, by="ann", now=now + 2)
    assert [p.id for p in ledger.proposals(now=now + 2)] == [mine.id, other.id]
    assert [p.id for p in ledger.proposals(status="pending", now=now + 2)] == [mine.id]
    assert [p.id for p in ledger.proposals(account="p/api", now=now + 2)] == [other.id]
    assert ledger.pending_count(WEB, now=now + 2) == 1
    assert ledger.pending_count(WEB, now=now + 400) == 0


def test_events_are_read_newest_last_and_followed_by_id(ledger, now):
    for i in range(4):
        ledger.record_event(WEB, "denial", {"n": i}, now=now + i)
    last_two = ledger.events(limit=2)
    assert [e.data["n"] for e in last_two] == [2, 3]
    ledger.record_event("p/api", "finding", {"n": 9}, now=now)
    assert [e.account for e in ledger.events(after=last_two[-1].id)] == ["p/api"]
    assert [e.kind for e in ledger.events(kind="finding")] == ["finding"]
    assert len(ledger.events(account=WEB)) == 4


def test_events_of_one_bottle_never_fill_the_ledger(ledger, now, monkeypatch):
    monkeypatch.setattr(supervision, "KEPT_EVENTS", 50)
    monkeypatch.setattr(supervision, "PRUNE_EVERY", 10)
    ledger.record_event("p/api", "denial", {}, now=now)
    with ledger.batch():
        for i in range(200):
            ledger.record_event(WEB, "denial", {"n": i}, now=now)
    kept = ledger.events(account=WEB, limit=1000)
    assert 50 <= len(kept) <= 60
    assert kept[-1].data["n"] == 199
    assert len(ledger.events(account="p/api")) == 1


def test_only_the_last_sign_of_life_is_kept(ledger, now):
    ledger.heartbeat(WEB, {"ready": False}, now=now)
    ledger.heartbeat(WEB, {"ready": True}, now=now + 5)
    (beat,) = ledger.heartbeats()
    assert (beat.account, beat.at, beat.status) == (WEB, now + 5, {"ready": True})
