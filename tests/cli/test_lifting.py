"""What ``bb resume`` asks before it lifts anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.cli.launch import parse_budget
from botbottle.cli.lifting import (
    frozen,
    own_limits,
    release_one,
    require_room,
    suppose,
    unmoved,
)
from botbottle.errors import PlanStale, Refused, UsageError
from botbottle.ledger import open_ledger
from botbottle.model.bottle import Limit, Scope
from botbottle.model.ledger_view import EnforcementRecord, HoldRecord, LedgerView
from botbottle.planner.pending import judge
from tests.ledger.worlds import exchange
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


def held(policy: str = "freeze") -> World:
    world = World()
    world.converge(declared(bottle(shutdown="freeze")))
    record = EnforcementRecord(KEY, policy, "operator:x", 0.0)  # type: ignore[arg-type]
    hold = HoldRecord(KEY, policy, "operator", "", "operator:x", 0.0)  # type: ignore[arg-type]
    world.view = replace(world.view, enforced={KEY: record, "o/x": record}, holds={KEY: hold})
    return world


def test_what_a_resume_would_do_is_known_before_anything_is_written() -> None:
    want = declared(bottle(shutdown="freeze"))
    view = held().view
    supposed = suppose(view, want, ("web",), [Limit("claude", 7_000), Limit("codex", 9, "day")])
    assert supposed.enforced[KEY].resume and not supposed.enforced["o/x"].resume
    assert KEY not in supposed.holds and KEY in view.holds
    limits = {(p.provider, p.window): p.limit for p in supposed.pools if "agent:" in p.scope}
    assert limits[("claude", "")] == 7_000 and limits[("codex", "day")] == 9


def test_a_limit_for_a_resume_counts_what_its_scope_has_spent_without_one(tmp_path: Path) -> None:
    """The bottle's pool is used up; the agent's own, which the command makes, is so already."""
    dev = Scope("bottle", "bottle:dev", (Limit("claude", 1000),))
    want = declared(bottle(scopes=(Scope("agent", "agent:proj-1/web"), dev), shutdown="freeze"))
    (spec,) = want.bottles
    ledger = open_ledger(str(tmp_path / "l.db"), create=True)
    ledger.register(KEY, spec.scopes, count=("output",), agent="proj-1/web", ancestry=("base",))
    ledger.settle(KEY, "", [exchange(6000, prompt=0)], now=1.0)
    for tokens, room in ((5000, False), (7000, True)):
        limits = [Limit("claude", tokens)]
        view = ledger.view(2.0, frozenset(own_limits(want, ("web",), limits)))
        supposed = suppose(view, want, ("web",), limits)
        assert judge(want, replace(supposed, enforced={}))["web"].standing.free == room
    ledger.close()


@pytest.mark.parametrize("policy", ["cutoff", "kill"])
def test_other_actions_are_supposed_to_be_lifted_at_once(policy: str) -> None:
    supposed = suppose(held(policy).view, declared(bottle()), ("web",), [])
    assert KEY not in supposed.enforced and "o/x" in supposed.enforced


def test_the_supposed_plan_is_the_one_that_is_carried_out_in_the_end(tmp_path: object) -> None:
    """Against the real ledger: the digest that was approved is the digest of what comes."""
    want = declared(bottle(shutdown="freeze"))
    world = World()
    world.converge(want)
    ledger = open_ledger(f"{tmp_path}/l.db", create=True)
    spec = want.bottles[0]
    count = ("cache_read", "cache_write_1h", "cache_write_5m", "input_uncached", "output")
    ledger.register(KEY, spec.scopes, count=count, agent="proj-1/web", ancestry=("base",))
    ledger.hold(KEY, "freeze", by="me", now=1.0)
    world.view = ledger.view(1.0)
    world.run(world.plan(want).ops)
    trigger = ledger.view(1.0).holds[KEY].id
    ledger.enforce(KEY, "freeze", trigger, before="a", after="b", now=2.0)
    before = ledger.view(3.0)
    limits = [Limit("claude", 5_000)]
    world.view = suppose(before, want, ("web",), limits)
    supposed = world.plan(want)
    ledger.set_limit(spec.scopes[0].key, limits[0], by="me", reason="")
    release_one(ledger, KEY, before.enforced, "")
    world.view = ledger.view(4.0)
    assert not supposed.empty and world.plan(want).digest == supposed.digest
    ledger.close()


def test_a_resume_of_all_is_of_those_that_are_frozen() -> None:
    want = declared(
        *(bottle(n) for n in ("cold", "killed", "cut", "spent", "free", "reheld", "colder"))
    )

    def key(name: str) -> str:
        return f"proj-1/{name}"

    done = {
        "cold": "freeze",
        "killed": "kill",
        "cut": "cutoff",
        "spent": "cutoff",
        "reheld": "freeze",
        "colder": "freeze",
    }
    holds = {"killed": "kill", "cut": "cutoff", "reheld": "kill", "colder": "cutoff"}
    view = LedgerView(
        enforced={key(n): EnforcementRecord(key(n), p, "t", 0.0) for n, p in done.items()},  # type: ignore[arg-type]
        holds={key(n): HoldRecord(key(n), p, "operator", "", "t", 0.0) for n, p in holds.items()},  # type: ignore[arg-type]
    )
    names = tuple(b.name for b in want.bottles)
    assert frozen(want, view, names) == ("cold", "colder")
    ordered = HoldRecord(key("free"), "freeze", "operator", "", "t", 0.0)
    also = replace(view, holds={**view.holds, key("free"): ordered})
    assert frozen(want, also, names) == ("cold", "free", "colder")
    with pytest.raises(Refused, match="no bottle is frozen"):
        frozen(want, LedgerView(), names)


@pytest.mark.parametrize("meanwhile", ["nothing", "another order", "a used-up budget"])
def test_what_was_ordered_while_the_question_stood_is_not_withdrawn(meanwhile: str) -> None:
    shown = held("cutoff").view
    now = shown
    if meanwhile == "another order":
        now = replace(now, holds={KEY: HoldRecord(KEY, "kill", "operator", "", "operator:y", 1.0)})
    if meanwhile == "a used-up budget":
        now = replace(now, enforced={KEY: EnforcementRecord(KEY, "freeze", "budget:x", 1.0)})
    if meanwhile == "nothing":
        unmoved(shown, now, [KEY])
    else:
        with pytest.raises(PlanStale, match="web was given another order"):
            unmoved(shown, now, [KEY])
    unmoved(shown, now, ["proj-1/other"])
