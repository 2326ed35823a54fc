"""``bb proposals list | approve | reject``: what bottles ask an operator for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.budget import with_ledger
from botbottle.cli.context import Context
from botbottle.cli.options import Argument, Group, Invocation, Option
from botbottle.cli.shared import Json, Reason
from botbottle.errors import UsageError
from botbottle.locking import operator
from botbottle.ui import asked
from botbottle.ui.visible import visible

if TYPE_CHECKING:
    from botbottle.ledger.api import Ledger
    from botbottle.ledger.records import Proposal

Id = Annotated[str, Argument(help="Id as bb proposals list prints it, or its beginning.")]


def list_(
    ctx: Invocation,
    all_: Annotated[bool, Option("--all", help="Decided and expired ones too.")] = False,
    json_: Json = False,
) -> int:
    """Pending proposals; a held request waits until its own expires."""
    return with_ledger(ctx.obj, lambda ledger: show(ctx.obj, ledger, all_, json_))


def approve(
    ctx: Invocation,
    proposal: Id,
    reason: Reason = "",
) -> int:
    """Let it happen."""
    return with_ledger(
        ctx.obj, lambda led: decide(ctx.obj, led, proposal, True, reason), write=True
    )


def reject(
    ctx: Invocation,
    proposal: Id,
    reason: Annotated[str, Option("--reason", help="Told to the agent.")] = "",
) -> int:
    """Refuse it; the agent is told the reason."""
    return with_ledger(
        ctx.obj, lambda led: decide(ctx.obj, led, proposal, False, reason), write=True
    )


proposals = Group(list_, approve, reject, help="What bottles ask an operator for.")


def show(context: Context, ledger: Ledger, everything: bool, as_json: bool) -> int:
    found = ledger.proposals(status="" if everything else "pending", now=time.time())
    if as_json:
        from botbottle.cli.documents.records import Proposals

        context.document(Proposals(proposals=found))
    else:
        context.out.writelines(line(p, time.time()) for p in found)
        context.note_empty(found, "bb proposals: nothing is asked for")
    return 0


def line(found: Proposal, now: float) -> str:
    """One proposal for people: all that an approval covers, uncut."""
    left = f"{found.expires_at - now:.0f} s left" if found.status == "pending" else found.status
    told = [f"{found.id}  {found.account}  {found.kind}  {left}"]
    told += [f"    {each}" for each in asked.lines(found.payload)]
    if found.justification:
        told.append(f"    because: {found.justification}")
    return "".join(f"{visible(each)}\n" for each in told)


def decide(context: Context, ledger: Ledger, name: str, approved: bool, reason: str) -> int:
    """Show and decide the one pending proposal that ``name`` begins. Raises UsageError."""
    if not name:
        raise UsageError("an empty id names no proposal", hint="bb proposals list")
    now = time.time()
    matching = [p for p in ledger.proposals(status="pending", now=now) if p.id.startswith(name)]
    if len(matching) != 1:
        what = "no pending proposal" if not matching else "more than one proposal"
        raise UsageError(f"{what} matches {name!r}", hint="bb proposals list")
    context.err.write(line(matching[0], now))
    done = ledger.decide(matching[0].id, approved, by=operator(), reason=reason, now=time.time())
    context.err.write(f"bb proposals: {done.id} {done.status}\n")
    return 0
