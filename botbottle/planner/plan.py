"""``plan()``: the pure heart. Same input, same bytes; no I/O, no clock, no randomness."""

from __future__ import annotations

from collections.abc import Iterable

from botbottle.model import labels
from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.model.paths import account
from botbottle.model.plan import Action, Held, Notice, Plan
from botbottle.model.resources import Observed
from botbottle.planner.account import plan_record, plan_register
from botbottle.planner.analyze import analyze, budget_rows
from botbottle.planner.bottle import plan_present
from botbottle.planner.bottles import wants_of
from botbottle.planner.collector import paused_collector
from botbottle.planner.draft import Draft, owned
from botbottle.planner.enforce import Standing, pools_by_scope, pools_of, standing
from botbottle.planner.facts import Facts
from botbottle.planner.forgotten import forgotten
from botbottle.planner.intruders import intruders
from botbottle.planner.lookalike import lookalikes
from botbottle.planner.lost import lost_notices
from botbottle.planner.network import NetworkPlan
from botbottle.planner.order import cuts_first
from botbottle.planner.pending import as_registered
from botbottle.planner.retention import plan_retention
from botbottle.planner.retire import plan_absent, plan_stopped
from botbottle.planner.shared import plan_shared, retire_outer, retire_shared
from botbottle.planner.shutdown import approved, deadly, plan_policy
from botbottle.planner.vacate import make_way, names_first
from botbottle.planner.waiting import plan_waiting
from botbottle.planner.wanted import Wanted, providers_of


@paused_collector()
def plan(declared: Declared, observed: Observed, view: LedgerView, facts: Facts) -> Plan:
    """What would make ``observed`` what ``declared`` says, given what the ledger enforces.

    Raises Refused when the address pool is used up, KeyError for an unknown provider template
    (the loader reports both before)."""
    written, edited = declared.settings.origins, {b.name: b for b in declared.bottles}
    declared = approved(declared, facts)
    draft = Draft(declared.project.id, facts, observed, written, pools_of(view))
    wants = wants_of(draft, declared, view)
    chosen = [w for w in wants if not facts.only or w.spec.name in facts.only]
    make_way(draft, chosen)
    if any(w.mode == "running" for w in chosen):
        shared, before = plan_shared(draft, declared.settings)
    else:
        shared, before = {}, ()
    for want in chosen:
        _one(draft, want, declared, view, shared, before)
        plan_policy(draft, want, edited[want.spec.name])
    orphans = [] if facts.only else orphan_names(observed, declared, view, facts, wants)
    for name in orphans:
        key = account(declared.project.id, name)
        reason = "destroy" if facts.destroy else "not-declared"
        plan_absent(draft, name, key, reason, registered=key in view.registered)
    if facts.destroy:
        retire_shared(draft)
    elif not facts.only:
        retire_outer(draft, declared.settings)
        plan_retention(draft, declared.settings, view)
    return Plan(
        project=declared.project.id,
        changes=tuple(draft.changes),
        ops=names_first(draft, cuts_first(draft.ops, _networks_of(chosen))),
        reach=tuple(draft.reach),
        notices=(
            *draft.notices,
            *analyze(draft, chosen),
            *deadly(draft, chosen, edited),
            *intruders(draft, chosen),
            *forgotten(draft, chosen, view, server=bool(declared.settings.ledger)),
            *elsewhere(draft, wants),
        ),
        budgets=budget_rows(chosen, view, declared.settings.budget_mode),
        held=tuple(_held(w) for w in chosen if not w.standing.free),
        unchanged=draft.unchanged,
        left_out=len(wants) - len(chosen),
        bb_version=facts.bb_version,
    )


def elsewhere(draft: Draft, wants: Iterable[Wanted]) -> tuple[Notice, ...]:
    """What is told of things that no bottle of this project is."""
    if draft.facts.only:
        return ()
    return (*lookalikes(draft, wants), *lost_notices(draft.observed, draft.facts))


def _networks_of(wants: Iterable[Wanted]) -> dict[str, frozenset[str]]:
    """Bottle → names of all networks that its containers are on."""
    return {w.spec.name: frozenset(a.network for a in w.egress.networks) for w in wants}


def _one(
    draft: Draft,
    want: Wanted,
    declared: Declared,
    view: LedgerView,
    shared: dict[str, NetworkPlan],
    before: tuple[str, ...],
) -> None:
    held = not want.standing.free
    registered = ""
    if want.mode == "running" or held:
        registered = plan_register(draft, want, declared.settings, view)
    if want.mode == "running":
        plan_present(draft, want, shared, (*before, *((registered,) if registered else ())))
    elif want.mode == "stopped":
        plan_stopped(draft, want, view)
    else:
        killed = want.standing.policy == "kill"
        # A killed bottle keeps its account: its spending still counts and it can be released.
        known = want.account in view.registered and not killed
        reason = "killed" if killed else "state-absent"
        plan_absent(draft, want.spec.name, want.account, reason, registered=known)
    if held and want.mode != "absent":
        plan_waiting(draft, want)
    plan_record(draft, want, view)


def states_of(declared: Declared, view: LedgerView) -> dict[str, Standing]:
    """Every bottle's standing with the ledger as it is, by name."""
    pools, mode = pools_by_scope(view), declared.settings.budget_mode
    out = {}
    for bottle in declared.bottles:
        key = account(bottle.project, bottle.name)
        known = view.registered.get(key)
        counts = known.mode if known else mode
        spec, providers = as_registered(bottle, known), providers_of(bottle)
        out[bottle.name] = standing(spec, key, providers, counts, view, pools)
    return out


def orphan_names(
    observed: Observed,
    declared: Declared,
    view: LedgerView,
    facts: Facts,
    wants: list[Wanted],
) -> list[str]:
    """Bottles of this project that exist on the engine or in the ledger but are not declared."""
    known = {w.spec.name for w in wants}
    found = {
        r.labels.get(labels.BOTTLE, "")
        for group in (observed.containers, observed.networks, observed.volumes)
        for r in group
        if owned(r.labels, facts.paths.home_id, declared.project.id)
    }
    prefix = f"{declared.project.id}/"
    found |= {a.removeprefix(prefix) for a in view.registered if a.startswith(prefix)}
    return sorted(found - known - {""})


def _held(want: Wanted) -> Held:
    state = want.standing
    return Held(want.spec.name, state.policy or "cutoff", state.message, state.way_out)


__all__ = ["Action", "plan"]
