"""What a budget that is used up, or an operator's order, makes of a bottle."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Limit, Policy, Scope
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import PushConfig, RecordEnforcement
from tests.support.worlds import World, bottle, declared, kinds


def test_an_exhausted_budget_cuts_off_and_leaves_one_audit_row(running: World) -> None:
    running.spend("web", 1000)
    made = running.converge(declared())
    assert kinds(made) == ["PushConfig", "RecordEnforcement"]
    push = made.ops[0]
    assert isinstance(push, PushConfig)
    assert push.config.routes == () and push.config.hold.policy == "cutoff" and push.secrets == ()
    assert running.plan(declared()).empty
    assert (
        running.plan(declared()).held[0].way_out == "bb budget set agent:proj-1/web claude TOKENS"
    )


def test_the_way_out_raises_the_very_pool_that_is_used_up(world: World) -> None:
    daily = declared(
        bottle(scopes=(Scope("agent", "agent:proj-1/web", (Limit("claude", 1000, "day"),)),))
    )
    world.converge(daily)
    world.spend("web", 1000)
    (held,) = world.plan(daily).held
    assert held.way_out == "bb budget set agent:proj-1/web claude TOKENS/day"


def test_a_raised_budget_lifts_a_cutoff(running: World) -> None:
    running.spend("web", 1000)
    running.converge(declared())
    scopes = (
        Scope("agent", "agent:proj-1/web", (Limit("claude", 5000),)),
        Scope("global", "global"),
    )
    made = running.plan(declared(bottle(scopes=scopes)))
    assert "budget" in made.needs
    running.run(made.ops)
    record = [op for op in made.ops if isinstance(op, RecordEnforcement)]
    assert [r.lift for r in record] == [True]
    assert running.plan(declared(bottle(scopes=scopes))).empty


@pytest.mark.parametrize(
    ("shutdown", "spent", "policy"),
    [
        ("cutoff", 960, "cutoff"),
        ("freeze", 960, "freeze"),
        ("kill", 960, ""),
        ("kill", 1000, "kill"),
    ],
)
def test_a_rest_that_no_request_fits_into_counts_as_spent_but_kills_nothing(
    running: World, shutdown: Policy, spent: int, policy: str
) -> None:
    """What a request needs is an estimate, and a kill cannot be taken back."""
    running.spend("web", spent)
    pools = tuple(replace(p, refused=True) for p in running.view.pools)
    running.view = replace(running.view, pools=pools)
    held = running.plan(declared(bottle(shutdown=shutdown))).held
    assert [h.policy for h in held] == ([policy] if policy else [])
    assert all(("less than a request needed" in h.reason) == (spent < 1000) for h in held)


def test_a_kill_removes_everything_and_is_not_resurrected(running: World) -> None:
    want = declared(bottle(shutdown="kill"))
    running.spend("web", 1000)
    made = running.converge(want)
    assert made.needs == (), "the policy in the manifest was the approval"
    assert not running.by_kind("agent") and not running.by_kind("egress")
    again = running.plan(want)
    assert again.empty and again.held[0].policy == "kill"


def test_a_freeze_kills_commits_and_copies_the_volumes(running: World) -> None:
    want = declared(bottle(shutdown="freeze"))
    running.spend("web", 1000)
    made = running.converge(want)
    names_ = kinds(made)
    assert names_.index("StopContainer") < names_.index("CommitImage") < names_.index("SaveVolumes")
    assert names_[-1] == "RecordEnforcement"
    assert running.plan(want).empty


def test_an_operator_holds_and_releases(running: World) -> None:
    hold = HoldRecord("proj-1/web", "cutoff", "operator", "looks odd", "op:1", 1.0)
    running.view = replace(running.view, holds={"proj-1/web": hold})
    made = running.converge(declared())
    assert kinds(made) == ["PushConfig", "RecordEnforcement"]
    running.view = replace(running.view, holds={})
    lifted = running.converge(declared())
    assert kinds(lifted) == ["PushConfig", "RecordEnforcement"]
    assert running.plan(declared()).empty


def test_nearest_scope_governs_and_all_needs_every_scope(world: World) -> None:
    scopes = (
        Scope("agent", "agent:proj-1/web", (Limit("claude", 1000),)),
        Scope("global", "global", (Limit("claude", 10),)),
    )
    spec = bottle(scopes=scopes)
    world.converge(declared(spec))
    world.view = replace(
        world.view,
        pools=tuple(replace(p, spent=10) if p.scope == "global" else p for p in world.view.pools),
    )
    assert world.plan(declared(spec)).held == ()
    assert world.plan(declared(spec, budget_mode="all")).held[0].policy == "cutoff"
