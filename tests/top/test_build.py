"""Rows follow from what is declared, observed and recorded."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from botbottle.ledger.records import ExchangeRow, Heartbeat, Proposal
from botbottle.model.ledger_view import HoldRecord, LedgerView, Pool
from botbottle.model.usage import Tokens
from botbottle.planner.enforce import FREE, Standing
from botbottle.ui.top import build
from botbottle.ui.top.activity import Activity, binned
from botbottle.ui.top.model import Fleet, Row
from tests.support.worlds import FACTS, World, bottle, declared

NOW = 10_000.0
HOME = FACTS.paths.home_id


def exchange(number: int, at: float, counted: int, account: str = "proj-1/web") -> ExchangeRow:
    return ExchangeRow(
        number, account, "web", "claude", "messages", f"model-{number}", "h", f"r{number}",
        Tokens(), counted, "final", at, at,
    )  # fmt: skip


def picture(world: World, activity: Activity | None = None, **seen: object) -> Fleet:
    want = declared(bottle())
    plan = world.plan(want)
    found = build.Seen(want, HOME, world.view, world.observed, NOW, plan)
    return build.fleet(replace(found, **seen), activity or Activity(), NOW)  # type: ignore[arg-type]


def row(world: World, activity: Activity | None = None, **seen: object) -> Row:
    (found,) = picture(world, activity, **seen).rows
    return found


def test_a_bottle_that_is_not_declared_any_more_is_shown_while_it_is_there() -> None:
    world, old = World(), bottle("old")
    world.converge(declared(bottle(), old))
    rows = picture(world, former=(old,)).rows
    assert [(r.bottle, r.declared, r.state) for r in rows] == [
        ("old", "no", "running"),
        ("web", "started", "running"),
    ]
    hold = HoldRecord("proj-1/old", "cutoff", "operator", "late", "h1", NOW)
    view = replace(world.view, holds={"proj-1/old": hold})
    held = picture(world, former=(old,), view=view).rows[0].held
    assert held is not None and (held.policy, held.way_out) == ("cutoff", "bb apply removes it")


@pytest.fixture
def converged() -> World:
    world = World()
    world.converge(declared(bottle()))
    return world


def test_a_converged_bottle_runs_without_drift(converged: World) -> None:
    found = row(converged)
    assert (found.state, found.agent_state, found.sidecar) == ("running", "running", "ready")
    assert found.drift == () and found.held is None and found.denials is None


def test_a_bottle_that_is_not_there_is_missing_and_drifts() -> None:
    found = row(World())
    assert (found.state, found.agent_state, found.sidecar) == ("missing", "absent", "absent")
    assert any("agent" in op for op in found.drift)


def test_before_the_engine_answered_nothing_is_claimed() -> None:
    found = row(World(), observed=None, plan=None)
    assert (found.state, found.sidecar, found.drift) == ("?", "?", ())


def test_a_silent_sidecar_is_told(converged: World) -> None:
    (egress,) = converged.by_kind("egress")
    converged.status(egress.id, None)
    assert row(converged).state == "no answer"


def test_a_hold_shows_at_once_even_before_anything_is_observed(converged: World) -> None:
    hold = HoldRecord("proj-1/web", "cutoff", "operator", "late", "h1", NOW)
    found = row(converged, view=replace(converged.view, holds={"proj-1/web": hold}))
    assert found.state == "cut off"
    assert found.held is not None
    assert (found.held.policy, found.held.way_out) == ("cutoff", "bb release web")


def test_the_governing_pool_is_shown_with_its_end_and_others_are_not(converged: World) -> None:
    pools = (
        Pool("agent:proj-1/web", "claude", "", 1000, 400, 50, burn=2.0),
        Pool("global", "claude", "day", 10, 9),
    )
    found = row(converged, view=LedgerView(NOW, 1, pools))
    (budget,) = found.budgets
    assert (budget.scope, budget.spent, budget.reserved) == ("agent:proj-1/web", 400, 50)
    assert budget.exhausted_in == found.exhausted_in == 300.0
    assert found.tightest == budget


def test_a_window_that_ends_before_the_pool_does_gives_no_end(converged: World) -> None:
    pool = Pool("agent:proj-1/web", "claude", "", 1000, 400, burn=2.0, resets_at=NOW + 100)
    found = row(converged, view=LedgerView(NOW, 1, (pool,)))
    assert found.exhausted_in is None and found.budgets[0].resets_in == 100.0


def test_activity_gives_rate_model_and_last_sign(converged: World) -> None:
    activity = Activity()
    activity.feed([exchange(2, NOW - 5, 300), exchange(1, NOW - 700, 9000)], NOW)
    found = row(converged, activity)
    assert (found.burn, found.model, found.last_activity) == (0.5, "model-2", NOW - 5)


def test_each_exchange_counts_once_and_an_hour_is_kept() -> None:
    activity = Activity()
    rows = [exchange(3, NOW - 1, 7, "proj-1/x"), exchange(2, NOW - 61, 5), exchange(1, NOW - 9, 1)]
    activity.feed(rows, NOW)
    activity.feed(rows, NOW)
    assert activity.minutes("proj-1/web", NOW)[-2:] == (5, 1)
    assert activity.minutes("proj-1/x", NOW)[-1] == 7
    activity.feed([], NOW + 4000)
    assert sum(activity.minutes("proj-1/web", NOW + 4000)) == 0
    assert activity.model("proj-1/web") == "model-2", "what it was is still known"
    assert activity.newest == 3


def test_bins_end_now_and_drop_what_is_outside() -> None:
    spent = [(NOW, 1), (NOW - 59, 2), (NOW - 60, 4), (NOW - 180, 8), (NOW + 5, 16)]
    assert binned(spent, NOW, 3, 60.0) == (0, 4, 3)


def test_heartbeats_give_streams_and_denials_whatever_else_they_say(converged: World) -> None:
    def beats(**status: object) -> dict[str, Heartbeat]:
        return {"proj-1/web": Heartbeat("proj-1/web", NOW, status)}

    found = row(converged, heartbeats=beats(streams=2, denied=5))
    assert (found.streams, found.denials) == (2, 5)
    found = row(converged, heartbeats=beats(streams="x", denied=True))
    assert (found.streams, found.denials) == (0, None)


def test_proposals_of_other_projects_are_not_shown(converged: World) -> None:
    def asked(account: str) -> Proposal:
        return Proposal(account, account, "k", {"host": "h"}, "why", "pending", NOW, NOW + 9)

    found = picture(converged, proposals=(asked("proj-1/web"), asked("proj-2/web")))
    assert [(a.id, a.bottle) for a in found.proposals] == [("proj-1/web", "web")]
    assert found.rows[0].proposals == 1


@pytest.mark.parametrize(
    ("declared_state", "agent", "sidecar", "policy", "word"),
    [
        ("started", "running", "ready", "", "running"),
        ("started", "running", "refusing", "", "refusing"),
        ("started", "running", "absent", "", "no sidecar"),
        ("started", "paused", "ready", "", "paused"),
        ("stopped", "exited", "absent", "", "stopped"),
        ("stopped", "absent", "absent", "", "stopped"),
        ("absent", "absent", "absent", "", "absent"),
        ("started", "paused", "ready", "freeze", "freezing"),
        ("started", "exited", "absent", "freeze", "frozen"),
        ("started", "running", "ready", "kill", "killing"),
        ("started", "absent", "absent", "kill", "killed"),
        ("started", "?", "?", "kill", "killed"),
    ],
)
def test_one_word_for_a_state(
    declared_state: str, agent: str, sidecar: str, policy: str, word: str
) -> None:
    held = Standing(policy) if policy else FREE  # type: ignore[arg-type]
    assert build.state(declared_state, agent, sidecar, held) == word


def test_the_document_is_json_with_a_version(converged: World) -> None:
    document = json.loads(json.dumps(picture(converged).to_wire()))
    assert document["format_version"] == "1.0"
    assert document["rows"][0]["bottle"] == "web"
    assert "exhausted_in" in document["rows"][0]
