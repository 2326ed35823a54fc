"""Lifting orders and carried-out actions: shown first, approved, then written.

Nothing is written when a bottle to resume would be held again at once, or what would come back
is not approved.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

from msgspec.structs import replace

from botbottle.cli.consent import Consent, ask
from botbottle.cli.context import Context
from botbottle.cli.launch import parse_budget
from botbottle.cli.ordering import carry_out, targets, writing
from botbottle.cli.plan import write_plan
from botbottle.cli.run import Run
from botbottle.errors import PlanStale, Refused
from botbottle.locking import operator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botbottle.budget.precedence import LimitKey
    from botbottle.ledger.api import Ledger
    from botbottle.model.bottle import Declared, Limit
    from botbottle.model.ledger_view import LedgerView
    from botbottle.model.plan import Plan


def lift(
    context: Context,
    verb: str,
    names: Sequence[str],
    everyone: bool,
    reason: str,
    budget: Sequence[str] = (),
    allow: Sequence[str] = (),
    *,
    json_: bool = False,
) -> int:
    """Show what would come back and get it approved, then withdraw orders and latched actions and
    let the reconciler do it. ``budget`` limits go to the bottles' most specific scope."""
    from botbottle.model.paths import account
    from botbottle.planner.pending import limits_of

    limits = [parse_budget(text) for text in budget]
    session, declared, chosen = targets(context, names, everyone)
    if verb == "resume" and everyone:
        chosen = frozen(declared, session.view(declared), chosen)
    run = Run(context, session, declared, verb, chosen)
    run = run.for_machines() if json_ else run
    with closing(writing(session, declared)) as ledger:
        asked = limits_of(declared) | own_limits(declared, chosen, limits).keys()
        view = ledger.view(time.time(), asked)
        supposed = suppose(view, declared, chosen, limits)
        if verb == "resume":
            require_room(declared, chosen, supposed)
        shown = session.plan(declared, only=chosen, view=supposed)
        approve(run, shown, allow)
        with ledger.batch():
            keys = [account(declared.project.id, name) for name in chosen]
            unmoved(view, ledger.view(time.time(), asked), keys)
            raise_budgets(ledger, declared, chosen, limits, reason)
            lifted = [release_one(ledger, key, view.enforced, reason) for key in keys]
    if not any(lifted):
        context.err.write(f"bb {verb}: nothing held {', '.join(chosen)} back by order\n")
    return carry_out(run, Consent(yes=True, allow=(*allow, *shown.needs)))


def unmoved(shown: LedgerView, now: LedgerView, keys: Sequence[str]) -> None:
    """What is withdrawn is what was shown: an order that somebody gave meanwhile stands. Raises
    PlanStale."""
    for key in keys:
        before = shown.holds.get(key), shown.enforced.get(key)
        if before != (now.holds.get(key), now.enforced.get(key)):
            raise PlanStale(
                f"{key.rpartition('/')[2]} was given another order, or held, in the meantime",
                hint="run the command again: it shows what would come back now",
            )


def frozen(declared: Declared, view: LedgerView, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that are frozen, or ordered to be: whoever says "all" to a resume means neither a
    bottle that was killed nor one that waits for its budget. Raises Refused when none is."""
    from botbottle.model.paths import account

    def policies(name: str) -> set[str]:
        key = account(declared.project.id, name)
        records = (view.holds.get(key), view.enforced.get(key))
        return {record.policy for record in records if record}

    found = tuple(n for n in names if "freeze" in policies(n) and "kill" not in policies(n))
    if not found:
        raise Refused("no bottle is frozen", code="BB7306", hint="bb status says what holds them")
    return found


def own_limits(
    declared: Declared, chosen: tuple[str, ...], limits: Sequence[Limit]
) -> dict[LimitKey, int]:
    """Tokens of the limits that a command gives, each at the most specific scope of a bottle."""
    scopes = [spec.scopes[0].key for spec in declared.bottles if spec.name in chosen]
    return {(s, x.provider, x.window): x.tokens for s in scopes for x in limits}


def suppose(
    view: LedgerView, declared: Declared, chosen: tuple[str, ...], limits: Sequence[Limit]
) -> LedgerView:
    """The ledger as it will be when the chosen bottles are lifted and have these limits."""
    from botbottle.model.ledger_view import Pool
    from botbottle.model.paths import account

    keys = {account(declared.project.id, name) for name in chosen}
    pools = {(p.scope, p.provider, p.window): p for p in view.pools}
    gone = {(p.scope, p.provider, p.window): p for p in view.coming}
    for key, tokens in own_limits(declared, chosen, limits).items():
        old = pools.get(key) or gone.get(key) or Pool(*key, 0, 0)
        below = old.declared if old.override or key not in pools else old.limit
        pools[key] = replace(old, limit=tokens, override=True, declared=below, refused=False)
    resumed = {
        k: replace(r, resume=True) if k in keys else r
        for k, r in view.enforced.items()
        if k not in keys or r.policy == "freeze"
    }
    holds = {k: h for k, h in view.holds.items() if k not in keys}
    return replace(view, pools=tuple(sorted(pools.values())), holds=holds, enforced=resumed)


def approve(run: Run, shown: Plan, allow: Sequence[str]) -> None:
    """Show the plan. The command itself is the approval of what is harmless; the rest needs
    ``--allow``, or a yes at a terminal. Raises Refused and what an apply would be blocked by."""
    from botbottle.approval import blocking_error, parse_allow

    context, given = run.context, parse_allow(allow)
    write_plan(context, shown, "text")
    if error := blocking_error(shown):
        raise error
    missing = [need for need in shown.needs if need not in given]
    if not missing:
        return
    if not context.interactive:
        raise Refused(
            f"what would come back needs approval to {', '.join(missing)}",
            code="BB7002",
            hint=context.again(f"{run.verb} {' '.join(run.only)}", "--allow", ",".join(missing)),
        )
    ask(context, run.verb, shown, Consent())


def raise_budgets(
    ledger: Ledger,
    declared: Declared,
    chosen: tuple[str, ...],
    limits: Sequence[Limit],
    reason: str,
) -> None:
    """An operator's limits for each chosen bottle, where its own scope begins."""
    for spec in declared.bottles:
        if spec.name in chosen:
            for limit in limits:
                ledger.set_limit(spec.scopes[0].key, limit, by=operator(), reason=reason)


def require_room(declared: Declared, chosen: tuple[str, ...], view: LedgerView) -> None:
    """Raises Refused when a used-up budget would freeze, cut or kill a resumed bottle again."""
    from botbottle.planner.pending import judge

    bare = replace(view, holds={}, enforced={})
    verdicts = judge(declared, bare)
    for name in chosen:
        state = verdicts[name].standing
        if not state.free:
            raise Refused(
                f"{name} would be held again at once: {state.message}",
                code="BB7306",
                hint=f"bb resume {name} --budget PROVIDER=TOKENS, or {state.way_out}",
            )


def release_one(ledger: Ledger, key: str, enforced: object, reason: str) -> bool:
    """Lift the hold and the carried-out action of one bottle; whether there was either. A frozen
    bottle is marked to be resumed: the reconciler lifts the freeze when it runs again."""
    by, now = operator(), time.time()
    lifted = ledger.release_hold(key, by=by, reason=reason, now=now)
    record = enforced.get(key) if isinstance(enforced, dict) else None
    if record is not None and record.policy == "freeze":
        return ledger.ask_resume(key, by=by, reason=reason, now=now) or lifted
    if record is not None:
        ledger.enforce(
            key,
            record.policy,
            record.trigger_id,
            before="held",
            after="released",
            lift=True,
            by=by,
            now=now,
        )
    return lifted or record is not None
