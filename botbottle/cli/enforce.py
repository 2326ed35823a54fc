"""``bb cutoff | freeze | kill`` and ``bb release | resume``: an operator's word, any time.

The order is written to the ledger first (so it stands whatever happens next), the sidecar is cut
at once, and the reconciler then carries it out by the same path as for a crossed budget.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.consent import Consent
from botbottle.cli.context import Context
from botbottle.cli.lifting import lift
from botbottle.cli.options import Argument, Invocation, Option
from botbottle.cli.ordered import reached
from botbottle.cli.ordering import carry_out, writing
from botbottle.cli.run import Run
from botbottle.cli.shared import DoneJson, Project, Reason
from botbottle.cli.unrecorded import stop_anyway
from botbottle.errors import EngineUnreachable, LedgerError, Refused
from botbottle.locking import operator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from botbottle.ledger.api import Ledger
    from botbottle.model.bottle import Policy
    from botbottle.session import Session

Names = Annotated[list[str] | None, Argument(help="The bottles.")]
Everyone = Annotated[bool, Option("--all", help="Every bottle of this project.")]
Allow = Annotated[
    list[str] | None,
    Option("--allow", help="What the bottles may come back with: widen,destroy,budget."),
]


def release(
    ctx: Invocation,
    names: Names = None,
    all_: Everyone = False,
    reason: Reason = "",
    allow: Allow = None,
    json_: DoneJson = False,
) -> int:
    """Lift an operator's hold or a kill."""
    return lift(ctx.obj, "release", names or [], all_, reason, allow=allow or (), json_=json_)


def resume(
    ctx: Invocation,
    names: Names = None,
    all_: Everyone = False,
    reason: Reason = "",
    budget: Annotated[
        list[str] | None,
        Option("--budget", help="PROVIDER=TOKENS[/WINDOW]: a new limit of the bottle."),
    ] = None,
    allow: Allow = None,
    json_: DoneJson = False,
) -> int:
    """Continue frozen bottles, under today's manifests."""
    return lift(
        ctx.obj, "resume", names or [], all_, reason, budget or (), allow or (), json_=json_
    )


def ordering(policy: Policy, text: str) -> Callable[..., int]:
    """The verb of one order, with its help."""

    def run(
        ctx: Invocation,
        names: Names = None,
        all_: Everyone = False,
        reason: Reason = "",
        project: Project = "",
        json_: DoneJson = False,
    ) -> int:
        return order(ctx.obj, policy, names or [], all_, reason, project, json_=json_)

    run.__doc__ = text
    return run


cutoff = ordering("cutoff", "Stop all traffic of bottles, now; they run on.")
freeze = ordering("freeze", "Snapshot bottles, then stop them; bb resume continues.")
kill = ordering("kill", "Remove bottles with their volumes; nothing is saved.")


def order(
    context: Context,
    policy: Policy,
    names: Sequence[str],
    everyone: bool,
    reason: str,
    project_id: str = "",
    *,
    json_: bool = False,
) -> int:
    """Record the order for all, cut all at once, carry out. A bottle that a stronger order holds
    already is told of and holds up no other. Raises Refused when that is so of all."""
    found = reached(context, names, everyone, project_id)
    session, declared, chosen = found.session, found.declared, found.names
    project, message = declared.project.id, reason or f"{policy} by the operator"
    stronger: dict[str, Refused] = {}
    try:
        ledger = writing(session, declared)
        with contextlib.closing(ledger):
            hold(ledger, project, chosen, policy, reason, stronger)
    except LedgerError as refusal:  # a full disk, which an agent may have filled, is no way out
        cut(context, session, project, chosen, message)
        stop_anyway(
            Run(context, session, declared, policy, chosen, approves=False), policy, refusal
        )
        raise
    held = [name for name in chosen if name not in stronger]
    cut(context, session, project, held, message)
    if not held:
        raise next(iter(stronger.values()))
    context.err.writelines(f"bb {policy}: {refused.message}\n" for refused in stronger.values())
    run = Run(context, session, declared, policy, tuple(held), approves=not found.broken)
    try:
        return carry_out(run.for_machines() if json_ else run, Consent(yes=True), show=True)
    except EngineUnreachable:
        where = ", ".join(held)
        context.err.write(f"bb {policy}: {where}: ordered; it stands until the engine answers\n")
        raise


def hold(
    ledger: Ledger,
    project: str,
    names: Sequence[str],
    policy: Policy,
    reason: str,
    stronger: dict[str, Refused],
) -> None:
    """Record one order for each; ``stronger`` takes those that a stronger one holds already."""
    from botbottle.model.paths import account

    for name in names:
        try:
            key = account(project, name)
            ledger.hold(key, policy, by=operator(), reason=reason, now=time.time())
        except Refused as refused:
            stronger[name] = refused


def cut(
    context: Context, session: Session, project: str, names: Sequence[str], message: str
) -> None:
    """Abort the sidecars' streams at once. One that refuses, hangs or talks nonsense is told of
    and holds up nothing: its bottle's hold stands, and what follows carries that out."""
    from botbottle.control.adapter import ControlClient
    from botbottle.ui.visible import visible

    paths = session.paths
    control = ControlClient(paths.socket_root)
    troubles = control.cut([paths.bottle(project, n).control for n in names], message)
    for name, trouble in zip(names, troubles, strict=True):
        if trouble is not None:
            context.err.write(visible(f"bb: {name} was not cut off at once: {trouble}") + "\n")
