"""Standing orders and their audit: once for each trigger, and no row can be touched unseen."""

import pytest

from botbottle import errors
from tests.ledger.worlds import WEB, register

DONE = {"before": "running", "after": "cut off"}


def actions(ledger):
    return [(r.action, r.policy, r.by) for r in ledger.audit()]


def test_an_order_stands_until_it_is_released(ledger, now):
    order = ledger.hold(WEB, "freeze", by="ann", reason="odd", now=now)
    assert ledger.view(now).holds == {WEB: order}
    assert (order.trigger, order.by, order.reason) == ("operator", "ann", "odd")
    assert ledger.release_hold(WEB, by="bob", now=now)
    assert ledger.view(now).holds == {}
    assert not ledger.release_hold(WEB, by="bob", now=now)
    assert actions(ledger) == [("hold", "freeze", "ann"), ("release", "freeze", "bob")]


def test_each_order_is_a_trigger_of_its_own(ledger, now):
    first = ledger.hold(WEB, "cutoff", by="ann", now=now)
    assert ledger.hold(WEB, "cutoff", by="ann", now=now).id != first.id


def test_a_stronger_order_replaces_a_weaker_one_but_not_the_reverse(ledger, now):
    ledger.hold(WEB, "cutoff", by="ann", now=now)
    ledger.hold(WEB, "kill", by="ann", now=now)
    with pytest.raises(errors.Refused, match="stronger"):
        ledger.hold(WEB, "freeze", by="ann", now=now)
    assert ledger.view(now).holds[WEB].policy == "kill"


def test_an_action_is_audited_once_for_each_trigger(ledger, second, now):
    assert ledger.enforce(WEB, "cutoff", "budget:x", **DONE, now=now)
    assert not second.enforce(WEB, "cutoff", "budget:x", **DONE, now=now)
    assert ledger.enforce(WEB, "cutoff", "budget:y", **DONE, now=now)
    assert len(ledger.audit()) == 2
    assert ledger.view(now).enforced[WEB].trigger_id == "budget:y"


def test_after_lifting_the_same_trigger_is_a_new_action(ledger, now):
    ledger.enforce(WEB, "cutoff", "budget:x", **DONE, now=now)
    assert ledger.enforce(WEB, "cutoff", "budget:x", **DONE, lift=True, now=now)
    assert not ledger.enforce(WEB, "cutoff", "budget:x", **DONE, lift=True, now=now)
    assert ledger.view(now).enforced == {}
    assert ledger.enforce(WEB, "cutoff", "budget:x", **DONE, now=now)
    assert [r.action for r in ledger.audit()] == ["enforce", "lift", "enforce"]


def test_a_kill_for_a_budget_stands_until_released(ledger, now):
    ledger.enforce(WEB, "kill", "budget:x", **DONE, now=now)
    hold = ledger.view(now).holds[WEB]
    assert (hold.policy, hold.trigger, hold.id) == ("kill", "budget", "budget:x")
    ledger.release_hold(WEB, by="ann", now=now)
    assert ledger.view(now).holds == {}


@pytest.mark.parametrize("policy", ["cutoff", "freeze"])
def test_other_policies_for_a_budget_leave_no_order_behind(ledger, now, policy):
    ledger.enforce(WEB, policy, "budget:x", **DONE, now=now)
    assert ledger.view(now).holds == {}


def test_carrying_out_an_order_does_not_replace_it(ledger, now):
    order = ledger.hold(WEB, "kill", by="ann", now=now)
    ledger.enforce(WEB, "kill", order.id, **DONE, now=now)
    assert ledger.view(now).holds[WEB] == order


def test_the_audit_keeps_who_why_and_both_states(ledger, now):
    ledger.enforce(WEB, "freeze", "budget:x", before="running", after="frozen", by="watch", now=now)
    (row,) = ledger.audit()
    assert (row.action, row.account, row.policy, row.trigger) == (
        "enforce",
        WEB,
        "freeze",
        "budget:x",
    )
    assert (row.by, row.before, row.after, row.at) == ("watch", "running", "frozen", now)


def test_the_audit_can_be_filtered_and_ends_with_the_newest(ledger, now):
    for i in range(5):
        ledger.hold(f"p/{i % 2}", "cutoff", by=str(i), now=now + i)
    assert [r.by for r in ledger.audit(account="p/0")] == ["0", "2", "4"]
    assert [r.by for r in ledger.audit(since=now + 3)] == ["3", "4"]
    assert [r.by for r in ledger.audit(limit=2)] == ["3", "4"]


@pytest.fixture
def chain(ledger, now):
    for i in range(6):
        ledger.hold(f"p/{i}", "cutoff", by="ann", reason=f"r{i}", now=now + i)
    return ledger


def test_an_untouched_chain_verifies_and_gives_its_head(chain):
    check = chain.verify_audit()
    assert (check.ok, check.rows, check.problem) == (True, 6, "")
    assert check.head == chain.audit()[-1].hash
    assert chain.verify_audit(chain.audit()[2].hash).ok


def test_an_empty_chain_verifies(ledger):
    assert ledger.verify_audit().ok


@pytest.mark.parametrize(
    ("tampering", "problem"),
    [
        ("UPDATE audit SET detail = 'nothing' WHERE seq = 3", "row 3 was changed"),
        ("UPDATE audit SET by_whom = 'eve' WHERE seq = 6", "row 6 was changed"),
        ("UPDATE audit SET at = at + 1 WHERE seq = 1", "row 1 was changed"),
        ("DELETE FROM audit WHERE seq = 3", "row 3 is missing"),
        ("DELETE FROM audit WHERE seq = 1", "row 1 is missing"),
        ("DELETE FROM audit WHERE seq = 6", "rows are missing"),
        ("DELETE FROM audit", "rows are missing"),
        ("UPDATE audit SET prev = '' WHERE seq = 4", "row 4 does not follow"),
        ("UPDATE audit SET hash = prev WHERE seq = 2", "row 2 was changed"),
    ],
)
def test_tampering_with_any_row_is_found(chain, tampering, problem):
    chain.db.run(tampering)
    check = chain.verify_audit()
    assert not check.ok
    assert problem in check.problem


@pytest.mark.parametrize(
    "column",
    ["at", "action", "account", "policy", "source", "by_whom", "was", "became", "detail"],
)
def test_no_column_of_a_row_is_outside_its_hash(chain, column):
    value = "1.5" if column == "at" else "'x'"
    chain.db.run(f"UPDATE audit SET {column} = {value} WHERE seq = 2")
    assert "row 2 was changed" in chain.verify_audit().problem


def test_a_chain_rewritten_as_a_whole_is_found_by_a_head_kept_elsewhere(chain, now):
    head = chain.verify_audit().head
    with chain.db.write():
        chain.db.run("DELETE FROM audit")
        chain.db.run("UPDATE audit_head SET seq = 0, hash = ''")
    chain.hold("p/0", "cutoff", by="eve", now=now)
    assert chain.verify_audit().ok
    assert "rewritten" in chain.verify_audit(head).problem


def test_snapshots_are_kept_newest_first_and_the_view_has_the_newest_of_each(ledger, now):
    register(ledger)
    ledger.record_freeze(WEB, "snap:1", "d1", now=now)
    ledger.record_freeze(WEB, "snap:2", "d2", now=now + 1)
    assert [f.image for f in ledger.freezes()] == ["snap:2", "snap:1"]
    assert [f.image for f in ledger.view(now).freezes[WEB]] == ["snap:2", "snap:1"]
    assert ledger.forget_freeze(WEB, "snap:2")
    assert not ledger.forget_freeze(WEB, "snap:2")
    assert [f.image for f in ledger.view(now).freezes[WEB]] == ["snap:1"]


def test_what_only_the_caller_knows_can_be_audited_too(ledger):
    ledger.note_audit("approve", "p", by="ann", detail="plan 3f9c")
    assert actions(ledger) == [("approve", "", "ann")]


def test_a_frozen_bottle_is_marked_to_be_resumed_once(ledger, now):
    assert not ledger.ask_resume(WEB, by="ann", now=now)
    ledger.enforce(WEB, "freeze", "budget:x", **DONE, now=now)
    assert not ledger.view(now).enforced[WEB].resume
    assert ledger.ask_resume(WEB, by="ann", now=now)
    assert ledger.ask_resume(WEB, by="ann", now=now)
    record = ledger.view(now).enforced[WEB]
    assert (record.resume, record.trigger_id) == (True, "budget:x")
    assert not ledger.enforce(WEB, "freeze", "budget:x", **DONE, now=now)
    assert ledger.enforce(WEB, "freeze", "budget:x", **DONE, lift=True, now=now)
    assert [a for a, _, _ in actions(ledger)] == ["enforce", "resume", "lift"]
    assert ledger.verify_audit().ok


def test_only_a_freeze_can_be_resumed(ledger, now):
    ledger.enforce(WEB, "cutoff", "budget:x", **DONE, now=now)
    assert not ledger.ask_resume(WEB, by="ann", now=now)


def test_a_trigger_that_returns_after_another_has_no_second_row(ledger, now):
    ledger.enforce(WEB, "cutoff", "budget:x", **DONE, now=now)
    ledger.enforce(WEB, "freeze", "operator:y", **DONE, now=now)
    assert not ledger.enforce(WEB, "cutoff", "budget:x", **DONE, now=now)
    assert ledger.view(now).enforced[WEB].policy == "cutoff"
    ledger.enforce(WEB, "cutoff", "budget:x", **DONE, lift=True, now=now)
    assert ledger.enforce(WEB, "cutoff", "budget:x", **DONE, now=now), "lifted: a new crossing"
    assert [a for a, _, _ in actions(ledger)] == ["enforce", "enforce", "lift", "enforce"]
