"""The journal: an intent without an outcome is what a crash leaves behind."""

import json

from botbottle.ledger.opening import open_ledger


def intent(ledger, op_id="1", project="p"):
    return ledger.intent("run1", project, op="CreateNetwork", op_id=op_id, resource="web/internal")


def test_an_intent_is_visible_to_others_before_the_operation_runs(ledger, second):
    intent(ledger)
    (row,) = second.journal()
    assert (row.op, row.op_id, row.resource, row.outcome, row.finished_at) == (
        "CreateNetwork", "1", "web/internal", "", None)  # fmt: skip


def test_an_outcome_finishes_its_intent(ledger):
    first, second_entry = intent(ledger), intent(ledger, "2")
    ledger.outcome(first, "done")
    ledger.outcome(second_entry, "failed", "no such network")
    assert [(r.op_id, r.outcome, r.detail) for r in ledger.journal()] == [
        ("2", "failed", "no such network"), ("1", "done", "")]  # fmt: skip
    assert ledger.journal(unfinished=True) == ()


def test_what_a_crash_left_unfinished_is_found_after_a_restart(ledger, where):
    intent(ledger)
    ledger.close()
    again = open_ledger(where)
    assert [r.op_id for r in again.journal(unfinished=True)] == ["1"]
    again.close()


def test_the_journal_can_be_read_by_project(ledger):
    intent(ledger, project="p")
    intent(ledger, project="q")
    assert len(ledger.journal(project="q")) == 1
    assert len(ledger.journal(limit=1)) == 1


def test_a_desired_set_is_found_by_its_content_and_stored_once(ledger, now):
    document = json.dumps({"bottles": ["web"]})
    first = ledger.save_generation("p", document, plan_digest="aa", by="ann", now=now)
    again = ledger.save_generation("p", document, plan_digest="bb", by="ann", now=now + 1)
    assert first.digest == again.digest
    assert ledger.document(first.digest) == document
    assert [g.plan_digest for g in ledger.generations("p")] == ["bb", "aa"]
    assert ledger.check().rows["document"] == 1


def test_generations_of_projects_are_separate(ledger, now):
    ledger.save_generation("p", "{}", plan_digest="", by="ann", now=now)
    assert ledger.generations("q") == ()
    assert ledger.document("unknown") is None
