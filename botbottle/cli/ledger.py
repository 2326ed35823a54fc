"""``bb ledger check | backup | restore | export | vacuum | retain``: looking after the store."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.budget import with_ledger
from botbottle.cli.context import Context
from botbottle.cli.options import Argument, Group, Invocation, Option
from botbottle.cli.shared import Json
from botbottle.cli.usage import parse_since
from botbottle.errors import LedgerCorrupt, UsageError
from botbottle.ledger.api import Ledger

if TYPE_CHECKING:
    from botbottle.ledger.records import Health


def check(
    ctx: Invocation,
    json_: Json = False,
) -> int:
    """Is the store whole, and do sums and rows agree?"""
    return with_ledger(ctx.obj, lambda ledger: show_check(ctx.obj, ledger, json_))


def backup(ctx: Invocation, path: Path) -> int:
    """A consistent copy (0600), also while everything runs."""
    target = str(ctx.obj.product(path))
    return with_ledger(
        ctx.obj, lambda ledger: done(ctx.obj, ledger.backup(target), f"copied to {path}")
    )


def restore(
    ctx: Invocation,
    path: Path,
    force: Annotated[
        bool, Option("--force", help="Also while the service or a watch lives.")
    ] = False,
) -> int:
    """Put a backup in the ledger's place; the old file is kept."""
    from botbottle.cli.ledger_restore import restore as put_back

    return put_back(ctx.obj, ctx.obj.path(path), force=force)


def export(ctx: Invocation, path: Path) -> int:
    """All tables as JSON lines."""
    target = str(ctx.obj.product(path))
    return with_ledger(
        ctx.obj,
        lambda ledger: done(ctx.obj, None, f"{ledger.export(target)} lines in {path}"),
    )


def vacuum(ctx: Invocation) -> int:
    """Give freed space back."""
    return with_ledger(ctx.obj, lambda ledger: done(ctx.obj, ledger.vacuum(), "done"), write=True)


def retain(
    ctx: Invocation,
    age: Annotated[str, Argument(help="Keep single rows this long: 90d, 24h.")],
) -> int:
    """Delete older single rows; sums, budgets and audit stay."""
    before = oldest_kept(age)
    return with_ledger(
        ctx.obj,
        lambda ledger: done(ctx.obj, None, f"{ledger.retain(before=before)} rows deleted"),
        write=True,
    )


ledger_ = Group(
    *(check, backup, restore, export, vacuum, retain),
    help="Check, back up, restore, export or shrink the ledger.",
)


def oldest_kept(age: str) -> float:
    """Epoch seconds of ``90d`` ago, or of a date in the past. Raises UsageError."""
    try:
        before = parse_since(age)
    except UsageError:
        before = None
    if before is None or before > time.time():
        raise UsageError(f"{age!r} is no age", hint="write for example 90d, 24h or 2026-01-31")
    return before


def done(context: Context, _result: None, text: str) -> int:
    context.err.write(f"bb ledger: {text}\n")
    return 0


def show_check(context: Context, ledger: Ledger, as_json: bool) -> int:
    """The health report; a problem is an error."""
    health = ledger.check()
    if as_json:
        context.document(health)
    else:
        context.out.write(summary(health))
    if health.problems:
        raise LedgerCorrupt(
            "the ledger is damaged", hint="bb ledger restore BACKUP, with the newest backup"
        )
    return 0


def summary(health: Health) -> str:
    """For people: where and how large, rows of the tables that have any, and what is wrong."""
    rows = "".join(f"  {name}  {count:,}\n" for name, count in health.rows.items() if count)
    wrong = "".join(f"  {problem}\n" for problem in health.problems)
    head = f"{health.backend}, schema {health.schema}, {health.size:,} bytes\n"
    return f"{head}rows\n{rows}problems\n{wrong}" if wrong else f"{head}rows\n{rows}no problems\n"
