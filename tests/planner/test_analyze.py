"""Each analyzer says what it found under its code, asks for an approval, and is quiet otherwise."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model.approval import Approval
from botbottle.model.bottle import BottleSpec, Limit, Policy, Scope, Settings
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import Notice, PushConfig, Reach, RegisterAccount
from botbottle.model.resources import SidecarStatus
from botbottle.model.route import Dlp, Match, Route
from botbottle.planner.facts import Guards
from botbottle.planner.reach import route_atoms
from botbottle.planner.wanted import guard, routes
from botbottle.watch.select import allowed
from tests.support.worlds import FACTS, World, bottle, declared


def after(old: BottleSpec, new: BottleSpec | None) -> dict[str, Notice]:
    """Findings, by code, when ``old`` runs and ``new`` is declared (None: nothing of it)."""
    world = World()
    world.converge(declared(old))
    made = world.plan(declared(new) if new else declared(bottle("other", state="absent")))
    return {n.code: n for n in made.notices}


def limited(tokens: int) -> BottleSpec:
    return bottle(scopes=(Scope("agent", "agent:proj-1/web", (Limit("claude", tokens),)),))


def test_the_same_again_finds_nothing() -> None:
    assert after(bottle(), bottle()) == {}


def test_added_reach_is_widening() -> None:
    found = after(bottle(), bottle(routes=(Route("one.example"),)))
    assert set(found) == {"BB301"} and found["BB301"].needs == "widen"


def test_a_dropped_detector_weakens() -> None:
    strict = bottle(routes=(Route("one.example"),))
    none = Route("one.example", dlp=Dlp(outbound_detectors=()))
    found = after(strict, bottle(routes=(none,)))
    assert "one.example" in found["BB302"].message and found["BB302"].needs == "widen"
    assert "BB302" not in after(bottle(routes=(none,)), strict)


def test_a_value_that_may_pass_weakens_and_is_shown_with_its_reason_and_end() -> None:
    approval = Approval(fingerprint="b5b794c21f0a9d33", reason="fixture", until="2027-01-31")
    strict = bottle(routes=(Route("one.example"),))
    listed = bottle(routes=(Route("one.example", dlp=Dlp(allow=(approval,))),))
    found = after(strict, listed)
    assert found["BB301"].needs == found["BB302"].needs == "widen"
    assert not {"BB301", "BB302"} & after(listed, strict).keys()
    longer = replace(approval, until="2028-01-31")
    later = bottle(routes=(Route("one.example", dlp=Dlp(allow=(longer,))),))
    assert {"BB301", "BB302"} <= after(listed, later).keys()


def test_what_leak_detection_lets_pass_is_reach() -> None:
    world, approval = World(), Approval("b5b794c21f0a9d33", "fixture", "2027-01-31", "github.token")
    world.converge(declared(bottle(routes=(Route("one.example"),))))
    listed = bottle(routes=(Route("one.example", dlp=Dlp(allow=(approval,))),))
    gained = [c.text for c in world.plan(declared(listed)).reach if c.reach is Reach.WIDENS]
    value = "the value b5b794c21f0a9d33 as github.token (fixture, until 2027-01-31)"
    assert gained == [f"one.example with {value}"]


def pem(name: str, width: int = 64) -> str:
    """A certificate's shape: what it says is not read here."""
    body = name * 400
    lines = "\n".join(body[at : at + width] for at in range(0, len(body), width))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("before", "now", "needs"),
    [
        ("", pem("a"), "widen"),
        (pem("a"), pem("a") + pem("b"), "widen"),
        (pem("a"), pem("b"), "widen"),
        (pem("a") + pem("b"), "about b\n" + pem("b", 76), None),
        (pem("a"), "", None),
    ],
    ids=["first", "one more", "another", "less, in other lines", "none"],
)
def test_another_authority_is_trusted_only_when_somebody_says_so(
    before: str, now: str, needs: str | None
) -> None:
    world = World()
    world.converge(declared(bottle()), replace(FACTS, upstream_ca=before))
    made = world.plan(declared(bottle()), replace(FACTS, upstream_ca=now))
    assert made.ops, "the sidecar gets another configuration"
    assert {n.code: n.needs for n in made.notices} == ({"BB309": needs} if needs else {})


def test_supervision_switched_off() -> None:
    found = after(bottle(supervise=True), bottle(supervise=False))
    assert found["BB303"].needs == "widen"
    assert "BB303" not in after(bottle(supervise=False), bottle(supervise=True))


@pytest.mark.parametrize("approved", [True, False])
def test_what_protected_a_bottle_that_does_not_run_is_known_too(approved: bool) -> None:
    """Stopped, edited and started again: it must not come back weaker without being asked for."""
    strict = bottle(routes=(Route("one.example"),), supervise=True)
    none = Route("one.example", dlp=Dlp(outbound_detectors=()))
    before = strict if approved else bottle(routes=(none,), supervise=False)
    guards = Guards({"web": guard(before, Settings()).to_wire()})
    reach = frozenset(a for r in routes(strict) for a in route_atoms(r))
    facts = replace(FACTS, approved={"web": reach}, guards=guards)
    made = World().plan(declared(bottle(routes=(none,), supervise=False)), facts)
    found = {n.code for n in made.notices}
    assert found & {"BB302", "BB303"} == ({"BB302", "BB303"} if approved else set())


def test_each_of_a_hosts_routes_is_compared_with_its_own() -> None:
    strict = Route("one.example", matches=(Match(methods=("GET",)),))
    loose = Route("one.example", matches=(Match(methods=("POST",)),), dlp=Dlp(("known_secrets",)))
    both = bottle(routes=(strict, loose))
    assert "BB302" not in after(both, bottle(routes=(loose, strict)))
    weak = replace(strict, dlp=Dlp(outbound_detectors=()))
    for order in ((weak, loose), (loose, weak)):
        assert "BB302" in after(both, bottle(routes=order))
    assert "BB302" in after(both, bottle(routes=(replace(loose, matches=()),)))


def test_a_projects_first_use_of_a_home_bottle() -> None:
    made = World().plan(declared(bottle(layer="project")))
    assert any(n.code == "BB304" and "'base'" in n.message for n in made.notices)
    assert all(n.code != "BB304" for n in World().plan(declared(bottle())).notices)


def test_learning_mode() -> None:
    assert after(bottle(), bottle(learning=True))["BB305"].needs == "widen"


def test_a_raised_budget_and_a_dropped_one() -> None:
    raised = after(limited(1000), limited(2000))["BB310"]
    assert raised.needs == "budget" and "from 1,000 to 2,000" in raised.message
    free = bottle(scopes=(Scope("agent", "agent:proj-1/web"),))
    assert "no limit" in after(limited(1000), free)["BB310"].message
    assert "BB310" not in after(limited(2000), limited(1000))


def test_removing_a_bottle_deletes_its_work() -> None:
    found = after(bottle(), None)
    assert found["BB320"].needs == found["BB321"].needs == "destroy"


def test_reach_that_was_approved_is_not_asked_for_again_after_a_restart() -> None:
    """The sidecar lost its configuration; what the last apply approved comes back unasked."""
    world, spec = World(), bottle(routes=(Route("one.example"),))
    world.converge(declared(spec))
    (sidecar,) = world.by_kind("egress")
    world.status(sidecar.id, SidecarStatus(ready=True, ledger=True))
    approved = frozenset(a for r in routes(spec) for a in route_atoms(r))
    made = world.plan(declared(spec), replace(FACTS, approved={"web": approved}))
    assert made.needs == () and {c.reach for c in made.reach} == {Reach.NEUTRAL}
    more = bottle(routes=(Route("one.example"), Route("two.example")))
    wider = world.plan(declared(more), replace(FACTS, approved={"web": approved}))
    assert wider.needs == ("widen",)
    assert [c.text for c in wider.reach if c.reach is Reach.WIDENS] == ["two.example any method /*"]


EDITS = {
    "learning": bottle(learning=True),
    "reach": bottle(routes=(Route("new.example"),)),
    "weaker": bottle(routes=(Route("one.example", dlp=Dlp(outbound_detectors=())),)),
    "budget": bottle(scopes=(Scope("agent", "agent:proj-1/web", (Limit("claude", 10**9),)),)),
    "unsupervised": bottle(supervise=False),
}


def held(policy: Policy, edit: BottleSpec) -> World:
    """``web`` runs, ``edit`` was written and not applied, and it is held."""
    world = World()
    world.converge(declared(bottle(routes=(Route("one.example"),))))
    assert world.plan(declared(edit)).needs, "the positive control: it needs an approval"
    hold = HoldRecord("proj-1/web", policy, "operator", "", "h1", 0.0)
    world.view = replace(world.view, holds={"proj-1/web": hold})
    return world


@pytest.mark.parametrize("edit", EDITS)
def test_a_manifest_that_stops_a_bottle_waits_for_no_approval_of_what_else_it_says(
    edit: str,
) -> None:
    """What it says besides is asked for when the bottle is to run again."""
    world = World()
    world.converge(declared(bottle(routes=(Route("one.example"),))))
    stopped = declared(replace(EDITS[edit], state="stopped"))
    made = world.plan(stopped)
    assert made.needs == () and made.ops and allowed(made, "safe").ops == made.ops
    world.run(made.ops)
    assert all(c.state != "running" for c in (*world.by_kind("agent"), *world.by_kind("egress")))
    assert world.plan(stopped).empty
    assert world.plan(declared(EDITS[edit])).needs, "the control"


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("policy", ["freeze", "kill"])
def test_an_order_to_stop_waits_for_no_approval_of_an_edit(policy: Policy, edit: str) -> None:
    made = held(policy, EDITS[edit]).plan(declared(EDITS[edit]))
    assert made.ops and made.needs == ()


@pytest.mark.parametrize("edit", EDITS)
def test_a_cutoff_waits_for_no_approval_of_what_it_leaves_out(edit: str) -> None:
    world = held("cutoff", EDITS[edit])
    made = world.plan(declared(EDITS[edit]))
    assert (
        made.ops and made.needs == () and not any(isinstance(o, RegisterAccount) for o in made.ops)
    )


def test_a_budget_that_is_used_up_holds_back_whatever_else_waits() -> None:
    """Another provider's limit, supervision, or a raise that nobody here can approve: the cutoff
    is not theirs to hold up. Where it may be approved, a raise that frees the bottle does so."""
    two = (Limit("claude", 1000), Limit("codex", 1000))
    world = World()
    world.converge(declared(bottle(scopes=(Scope("agent", "agent:proj-1/web", two),))))
    world.spend("web", 1000)
    for claude, codex, supervise in ((1000, 9000, True), (1000, 1000, False), (9000, 1000, True)):
        limits = (Limit("claude", claude), Limit("codex", codex))
        scopes = (Scope("agent", "agent:proj-1/web", limits),)
        made_of = declared(bottle(scopes=scopes, supervise=supervise))
        made = world.plan(made_of)
        raised = claude > 1000
        assert any(isinstance(o, PushConfig) for o in made.ops) is not raised
        assert made.needs == (("budget",) if raised else ()), "a raise that frees it is asked for"
        assert any(isinstance(o, RegisterAccount) for o in made.ops) is raised
        watched = world.plan(made_of, replace(FACTS, raises=False))
        assert any(isinstance(o, PushConfig) for o in watched.ops) and watched.needs == ()
        assert not any(isinstance(o, RegisterAccount) for o in watched.ops)


def test_what_waited_is_asked_for_when_the_cutoff_is_lifted() -> None:
    for edit in ("learning", "reach", "budget"):
        world = held("cutoff", EDITS[edit])
        world.converge(declared(EDITS[edit]))
        world.view = replace(world.view, holds={})
        assert world.plan(declared(EDITS[edit])).needs, edit


def test_who_approved_a_lower_limit_has_not_approved_the_same_limit_as_a_raise() -> None:
    """400k -> 300k asks for nothing; meanwhile somebody applied 100k."""
    high, low = World(), World()
    high.converge(declared(limited(400_000)))
    low.converge(declared(limited(100_000)))
    lowers, raises = (w.plan(declared(limited(300_000))) for w in (high, low))
    assert not lowers.needs and raises.needs == ("budget",)
    assert lowers.ops == raises.ops and lowers.digest != raises.digest
