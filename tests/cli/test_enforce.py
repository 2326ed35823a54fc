"""What ``bb resume`` asks before it lifts anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from botbottle.cli.enforce import release_one, require_room
from botbottle.cli.launch import parse_budget
from botbottle.errors import Refused, UsageError
from botbottle.ledger import open_ledger
from botbottle.model.bottle import Limit
from botbottle.model.ledger_view import EnforcementRecord, HoldRecord
from tests.support.worlds import World, bottle, declared

KEY = "proj-1/web"


def test_a_budget_for_resume_is_read_like_that_of_apply() -> None:
    assert parse_budget("claude=50k/day") == Limit("claude", 50_000, "day")
    for text in ("claude", "=5", "", "claude=many"):
        with pytest.raises(UsageError):
            parse_budget(text)


def test_a_used_up_budget_refuses_and_room_does_not() -> None:
    want = declared(bottle(shutdown="freeze"))
    world = World()
    world.converge(want)
    record = EnforcementRecord(KEY, "freeze", "operator:x", 0.0)
    hold = HoldRecord(KEY, "freeze", "operator", "", "operator:x", 0.0)
    view = replace(world.view, enforced={KEY: record}, holds={KEY: hold})
    require_room(want, ("web",), view)
    world.view = view
    world.spend("web", 1000)
    with pytest.raises(Refused, match="held again at once") as caught:
        require_room(want, ("web",), world.view)
    assert caught.value.code == "BB7306" and "--budget" in (caught.value.hint or "")
    require_room(want, (), world.view)


@pytest.mark.parametrize(("policy", "resume"), [("freeze", True), ("cutoff", None)])
def test_a_freeze_is_marked_and_the_rest_lifted(
    tmp_path: object, policy: str, resume: bool | None
) -> None:
    ledger = open_ledger(f"{tmp_path}/l.db", create=True)
    ledger.register(KEY, ())
    ledger.enforce(KEY, policy, "t", before="a", after="b", now=1.0)  # type: ignore[arg-type]
    assert release_one(ledger, KEY, ledger.view(1.0).enforced, "why")
    record = ledger.view(2.0).enforced.get(KEY)
    assert (record.resume if record else None) == resume
    ledger.close()
