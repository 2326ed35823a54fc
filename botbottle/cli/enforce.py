"""``bb cutoff | freeze | kill`` and ``bb release | resume``: an operator's word, any time.

The order is written to the ledger first (so it stands whatever happens next), the sidecar is cut
at once, and the reconciler then carries it out by the same path as for a crossed budget.
"""

from __future__ import annotations

import getpass
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from botbottle.cli.common import known_bottles, load_declared, open_session
from botbottle.cli.consent import Consent, ask
from botbottle.cli.context import Context
from botbottle.cli.launch import parse_budget
from botbottle.cli.plan import write_plan
from botbottle.cli.run import Pace, Run
from botbottle.errors import PlanStale, Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botbottle.ledger.api import Ledger
    from botbottle.model.bottle import Declared, Limit, Policy
    from botbottle.model.ledger_view import LedgerView
    from botbottle.model.plan import Plan
    from botbottle.session import Session

Names = Annotated[list[str] | None, typer.Argument(help="The bottles.")]
Everyone = Annotated[bool, typer.Option("--all", help="Every bottle of this project.")]
Reason = Annotated[str, typer.Option("--reason", help="Kept in the audit record.")]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", help="What the bottles may come back with: widen,destroy,budget."),
]
TRIES = 3  # the world may move between the plan and the lock


def register(app: typer.Typer) -> None:
    @app.command()
    def cutoff(
        ctx: typer.Context, names: Names = None, all_: Everyone = False, reason: Reason = ""
    ) -> int:
        """Stop all traffic of bottles, now; they run on."""
        return order(ctx.obj, "cutoff", names or [], all_, reason)

    @app.command()
    def freeze(
        ctx: typer.Context, names: Names = None, all_: Everyone = False, reason: Reason = ""
    ) -> int:
        """Snapshot bottles, then stop them; bb resume continues."""
        return order(ctx.obj, "freeze", names or [], all_, reason)

    @app.command()
    def kill(
        ctx: typer.Context, names: Names = None, all_: Everyone = False, reason: Reason = ""
    ) -> int:
        """Remove bottles with their volumes; nothing is saved."""
        return order(ctx.obj, "kill", names or [], all_, reason)

    @app.command()
    def release(
        ctx: typer.Context,
        names: Names = None,
        all_: Everyone = False,
        reason: Reason = "",
        allow: Allow = None,
    ) -> int:
        """Lift an operator's hold or a kill."""
        return lift(ctx.obj, "release", names or [], all_, reason, allow=allow or ())

    @app.command()
    def resume(
        ctx: typer.Context,
        names: Names = None,
        all_: Everyone = False,
        reason: Reason = "",
        budget: Annotated[
            list[str] | None,
            typer.Option("--budget", help="PROVIDER=TOKENS[/WINDOW]: a new limit of the bottle."),
        ] = None,
        allow: Allow = None,
    ) -> int:
        """Continue frozen bottles, under today's manifests."""
        return lift(ctx.obj, "resume", names or [], all_, reason, budget or (), allow or ())


def order(
    context: Context, policy: Policy, names: Sequence[str], everyone: bool, reason: str
) -> int:
    """Record the order, cut at once, carry out."""
    from botbottle.model.paths import account

    session, declared, chosen = targets(context, names, everyone)
    ledger = writing(session, declared)
    try:
        for name in chosen:
            key = account(declared.project.id, name)
            ledger.hold(key, policy, by=getpass.getuser(), reason=reason, now=time.time())
            cut(session, declared.project.id, name, reason or f"{policy} by the operator")
    finally:
        ledger.close()
    return carry_out(Run(context, session, declared, policy, chosen), Consent(yes=True), show=True)


def lift(
    context: Context,
    verb: str,
    names: Sequence[str],
    everyone: bool,
    reason: str,
    budget: Sequence[str] = (),
    allow: Sequence[str] = (),
) -> int:
    """Show what would come back and get it approved, then withdraw orders and latched actions and
    let the reconciler do it. ``budget`` limits go to the bottles' most specific scope. Nothing is
    written when a bottle to resume would be held again at once, or is not approved."""
    from botbottle.model.paths import account

    limits = [parse_budget(text) for text in budget]
    session, declared, chosen = targets(context, names, everyone)
    run = Run(context, session, declared, verb, chosen)
    ledger = writing(session, declared)
    try:
        view = ledger.view(time.time())
        supposed = suppose(view, declared, chosen, limits)
        if verb == "resume":
            require_room(declared, chosen, supposed)
        shown = session.plan(declared, only=chosen, view=supposed)
        approve(context, run, shown, allow)
        raise_budgets(ledger, declared, chosen, limits, reason)
        lifted = [
            release_one(ledger, account(declared.project.id, n), view.enforced, reason)
            for n in chosen
        ]
    finally:
        ledger.close()
    if not any(lifted):
        context.err.write(f"bb {verb}: nothing held {', '.join(chosen)} back by order\n")
    return carry_out(run, Consent(yes=True, allow=(*allow, *shown.needs)))


def suppose(
    view: LedgerView, declared: Declared, chosen: tuple[str, ...], limits: Sequence[Limit]
) -> LedgerView:
    """The ledger as it will be when the chosen bottles are lifted and have these limits."""
    from botbottle.model.ledger_view import Pool
    from botbottle.model.paths import account

    keys = {account(declared.project.id, name) for name in chosen}
    scopes = [spec.scopes[0].key for spec in declared.bottles if spec.name in chosen]
    pools = {(p.scope, p.provider, p.window): p for p in view.pools}
    for scope in scopes:
        for limit in limits:
            key = (scope, limit.provider, limit.window)
            old = pools.get(key, Pool(*key, 0, 0))
            pools[key] = replace(old, limit=limit.tokens, override=True, refused=False)
    resumed = {
        k: replace(r, resume=True) if k in keys else r
        for k, r in view.enforced.items()
        if k not in keys or r.policy == "freeze"
    }
    holds = {k: h for k, h in view.holds.items() if k not in keys}
    return replace(view, pools=tuple(sorted(pools.values())), holds=holds, enforced=resumed)


def approve(context: Context, run: Run, shown: Plan, allow: Sequence[str]) -> None:
    """Show the plan. The command itself is the approval of what is harmless; the rest needs
    ``--allow``, or a yes at a terminal. Raises Refused and what an apply would be blocked by."""
    from botbottle.approval import blocking_error, parse_allow

    given = parse_allow(allow)
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
            hint=f"bb {run.verb} {' '.join(run.only)} --allow {','.join(shown.needs)}",
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
                ledger.set_limit(spec.scopes[0].key, limit, by=getpass.getuser(), reason=reason)


def require_room(declared: Declared, chosen: tuple[str, ...], view: LedgerView) -> None:
    """Raises Refused when a used-up budget would freeze, cut or kill a resumed bottle again."""
    from botbottle.planner.plan import states_of

    bare = replace(view, holds={}, enforced={})
    states = states_of(declared, bare)
    for name in chosen:
        if not states[name].free:
            raise Refused(
                f"{name} would be held again at once: {states[name].message}",
                code="BB7306",
                hint=f"bb resume {name} --budget PROVIDER=TOKENS, or {states[name].way_out}",
            )


def release_one(ledger: Ledger, key: str, enforced: object, reason: str) -> bool:
    """Lift the hold and the carried-out action of one bottle; whether there was either. A frozen
    bottle is marked to be resumed: the reconciler lifts the freeze when it runs again."""
    by, now = getpass.getuser(), time.time()
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


def targets(
    context: Context, names: Sequence[str], everyone: bool
) -> tuple[Session, Declared, tuple[str, ...]]:
    """Session, manifests, and the named bottles. Raises UsageError for unknown names."""
    if bool(names) == everyone:
        raise UsageError("name the bottles, or say --all")
    session = open_session(context)
    declared = load_declared(context, session)
    chosen = known_bottles(declared, names) or sorted(b.name for b in declared.bottles)
    return session, declared, tuple(chosen)


def writing(session: Session, declared: Declared) -> Ledger:
    """The ledger for writing. Raises Refused before the first apply."""
    from pathlib import Path

    if not declared.settings.ledger and not Path(session.paths.ledger_db).exists():
        raise Refused("nothing was ever applied here", code="BB7009", hint="bb apply")
    return session.open_ledger(declared, write=True)


def cut(session: Session, project: str, name: str, message: str) -> None:
    """Abort the sidecar's streams at once; a sidecar that does not answer passes nothing."""
    from botbottle.control import SidecarUnreachable, connect

    try:
        with connect(session.paths.bottle(project, name).control) as sidecar:
            sidecar.cut(message)
    except SidecarUnreachable:
        return


def carry_out(run: Run, consent: Consent, *, show: bool = False) -> int:
    """The reconciler's pass for these bottles; a watch that was faster leaves nothing to do, and
    one that was half-way leads to another plan, which is the same order still. The guards
    against a typo in the manifests (max_changes, max_deletes) do not hold up an order."""
    from botbottle.approval import blocking_error

    run.context.lock_timeout = max(run.context.lock_timeout, 15.0)
    with run.events() as emit:
        for attempt in range(1, TRIES + 1):
            shown = run.plan()
            if show and attempt == 1:
                write_plan(run.context, shown, "text")
            if error := blocking_error(shown):
                raise error
            if shown.empty:
                break
            ask(run.context, run.verb, shown, consent)
            try:
                return run.locked(shown, Pace(), emit)
            except PlanStale:
                if attempt == TRIES:
                    raise
    return run.end(shown)
