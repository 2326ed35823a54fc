"""``bb status``: bottles, their state, budget, and what holds them back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from botbottle.cli.alarmed import line, reported
from botbottle.cli.common import open_session
from botbottle.cli.documents.bottles import Alarm, Held, Status, StatusBudget, StatusRow
from botbottle.cli.options import Invocation
from botbottle.cli.ordered import Former, former_of, today
from botbottle.cli.shared import Json, Project
from botbottle.errors import BBError, Exit
from botbottle.ui.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from botbottle.model.bottle import BottleSpec, Declared
    from botbottle.model.plan import Plan
    from botbottle.model.resources import Observed, ObservedContainer
    from botbottle.planner.enforce import Standing
    from botbottle.session import Session


def status(
    ctx: Invocation,
    project: Project = "",
    json_: Json = False,
) -> int:
    """Bottles, their state, budget and what holds them back.

    Exit codes: 0 shown, 1 something is wrong that no apply mends by itself (a stranger on a
    bottle's network, a lost ledger), 3 invalid manifests, 8 no engine, 64 usage.
    """
    from botbottle.model.paths import account
    from botbottle.planner.lost import told
    from botbottle.session import declared_or_raise

    context = ctx.obj
    session = open_session(context, project=project)
    declared, broken = today(context, session)
    try:
        former = former_of(session, declared)
    except BBError as error:  # what is declared is shown all the same
        former = Former()
        context.err.write(f"bb status: bottles that are not declared: {error.message}\n")
    if broken is not None:
        if not former.names:
            declared_or_raise(broken)
        context.err.write("bb status: the manifests are broken; shown is what was applied\n")
        declared, former = replace(declared, bottles=former.specs), Former()
    for name in former.unknown:
        context.err.write(f"bb status: {name} is not declared any more; bb apply removes it\n")
    found = collect(session, declared, former.specs)
    for left in found.lost:
        context.err.write(visible(f"bb status: {told(left)}") + "\n")
    for alarm in found.alarms:
        text = f"{alarm.bottle}: {alarm.message} [{alarm.code}]"
        context.err.write(visible(f"bb status: {text}") + "\n")
    accounts = [account(declared.project.id, row.name) for row in found.bottles]
    recent = reported(session.reading(declared), accounts, time.time())
    for each in recent:
        context.err.write(visible(f"bb status: {line(each)}") + "\n")
    if json_:
        context.document(replace(found, reported=recent))
    else:
        context.out.write(table(found.bottles))
    if broken is not None:
        return Exit.INVALID
    return Exit.FAILURE if found.alarms else Exit.OK


def collect(session: Session, declared: Declared, former: Sequence[BottleSpec] = ()) -> Status:
    """One row a declared bottle, by name, and one for each that was (``former``) and is there."""
    facts = session.facts(declared)
    observed = session.observe(declared, facts)
    from botbottle.planner.lost import left_behind
    from botbottle.planner.plan import plan, states_of
    from botbottle.planner.shutdown import approved

    view = session.view(declared)
    facts = session.with_snapshots(declared, facts, observed, view)
    made = plan(declared, observed, view, facts)
    everyone = replace(declared, bottles=(*declared.bottles, *former))
    states = states_of(
        approved(everyone, facts), view
    )  # a plan may be about to free one, or to hold it
    specs = sorted(everyone.bottles, key=lambda b: b.name)
    gone = {b.name for b in former}
    rows = [row(b, states[b.name], observed, made, session) for b in specs]
    shown = tuple(undeclared(found) if found.name in gone else found for found in rows)
    left = left_behind(observed, facts)
    return Status(project=declared.project.id, bottles=shown, alarms=tuple(alarms(made)), lost=left)


def alarms(made: Plan) -> Iterator[Alarm]:
    """What of a plan's notices nothing that is planned mends."""
    from botbottle.model.plan import ALARMS

    for notice in made.notices:
        if notice.code in ALARMS:
            yield Alarm(code=notice.code, bottle=notice.bottle, message=notice.message)


def undeclared(found: StatusRow) -> StatusRow:
    """A row of a bottle that is not declared any more: no order on it is lifted before it is."""
    held = found.held and replace(found.held, way_out="bb apply removes it")
    return replace(found, declared="no", held=held)


def row(
    spec: BottleSpec, state: Standing, observed: Observed, made: Plan, session: Session
) -> StatusRow:
    """State as observed, budget as governed, hold as it is now, drift as planned."""
    from botbottle.planner.names import names

    called = names(session.paths.home_id, spec.project, spec.name)
    by_name = {c.name: c for c in observed.containers}
    agent, egress = by_name.get(called.agent), by_name.get(called.egress)
    active = observed.sidecars.get(egress.id) if egress else None
    held = Held(policy=state.policy, reason=state.message, way_out=state.way_out)
    return StatusRow(
        name=spec.name,
        provider=spec.template,
        declared=spec.state,
        agent=agent.state if agent else "absent",
        sidecar=_sidecar(egress, active),
        budget=tuple(
            StatusBudget(
                scope=b.scope,
                provider=b.provider,
                window=b.window,
                spent=b.spent,
                limit=b.limit,
            )
            for b in made.budgets
            if spec.name in b.governs
        ),
        held=None if state.free else held,
        pending=tuple(sorted({op.id for op in made.ops if op.bottle == spec.name})),
        drift=any(c.drift for c in made.changes if c.bottle == spec.name),
    )


def _sidecar(found: ObservedContainer | None, active: Any) -> str:
    if found is None:
        return "absent"
    if found.state != "running":
        return found.state
    if active is None:
        return "not answering"
    return "ready" if active.ready and active.ledger else "refusing"


def table(rows: Sequence[StatusRow]) -> str:
    """Aligned text; one line a bottle and one for each hold."""
    if not rows:
        return "No bottle is declared. bb init writes a starter.\n"
    head = ("bottle", "agent", "sidecar", "budget", "")
    cells = [head, *(_cells(r) for r in rows)]
    widths = [max(len(c[i]) for c in cells) for i in range(4)]
    lines = ["  ".join(c[i].ljust(widths[i]) for i in range(4)) + "  " + c[4] for c in cells]
    holds = [
        line
        for r in rows
        if r.held
        for line in (f"{r.name} is held: {r.held.reason}", f"  way out: {r.held.way_out}")
    ]
    return "".join(f"{visible(line.rstrip())}\n" for line in (*lines, *holds))


def _cells(found: StatusRow) -> tuple[str, str, str, str, str]:
    budget = ", ".join(map(_budget, found.budget))
    return found.name, found.agent, found.sidecar, budget or "-", _mark(found)


def _budget(pool: StatusBudget) -> str:
    window = f"/{pool.window}" if pool.window else ""
    return f"{pool.spent:,}/{pool.limit:,}{window} {pool.provider}"


def _mark(found: StatusRow) -> str:
    """What stands out: a hold, drift, or edits that nobody applied yet."""
    held = found.held.policy if found.held else ""
    if found.declared == "no":
        return "! " + ", ".join(filter(None, ("not declared any more", held)))
    if held:
        return f"! {held}"
    if found.drift:
        return "~ drift"
    return "~ not applied yet" if found.pending else ""
