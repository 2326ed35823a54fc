"""``bb audit``: what enforcement did, whether the record is whole, and a copy of all of it."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.common import declared_ledger
from botbottle.cli.context import Context
from botbottle.cli.options import Invocation, Option
from botbottle.cli.shared import Json
from botbottle.errors import BBError, LedgerCorrupt, UsageError
from botbottle.model import canonical
from botbottle.ui.visible import visible

if TYPE_CHECKING:
    from botbottle.ledger.api import Ledger
    from botbottle.ledger.records import AuditCheck, AuditRow

EVERY = 2**31  # rows: all


def audit(
    ctx: Invocation,
    json_: Json = False,
    verify: Annotated[bool, Option("--verify", help="Check every link.")] = False,
    head: Annotated[str, Option("--head", help="With --verify: a hash kept from before.")] = "",
    limit: Annotated[int, Option("--limit", low=1, help="Show as many of the newest rows.")] = 1000,
    export: Annotated[
        Path | None, Option("--export", help="Write every row to a new file, JSON lines.")
    ] = None,
) -> int:
    """The enforcement record; verify its chain."""
    context = ctx.obj
    if head and not re.fullmatch(r"[0-9a-f]{64}", head, re.ASCII):
        raise UsageError(
            "--head takes the 64 hex digits that --verify prints", hint="bb audit --verify"
        )
    with declared_ledger(context) as (_, ledger):
        rows = ledger.audit(limit=limit)
        check = ledger.verify_audit(head) if verify or head else None
        if export is not None:
            write(context, ledger, context.appended(export))
    if json_:
        from botbottle.cli.documents.records import Audit

        context.document(Audit(rows=rows))
    elif export is None:
        context.out.writelines(line(r) for r in rows)
        context.note_empty(rows, "bb audit: nothing was ever enforced")
    if check is not None:
        report(context, check)
    return 0


def line(row: AuditRow) -> str:
    """One row for people; what is empty is left out."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row.at))
    action = f"{row.action} {row.policy}".strip()
    change = f"{row.before or '-'} -> {row.after or '-'}" if row.before or row.after else ""
    said = (f"{stamp}Z", str(row.seq), row.account, action, row.trigger, change)
    return visible("  ".join(x for x in (*said, f"by {row.by}", row.detail) if x)) + "\n"


def write(context: Context, ledger: Ledger, path: Path) -> None:
    """All rows, oldest first, each with the hash that the next one names; only for the owner.
    Raises BBError: no file is written over."""
    rows = ledger.audit(limit=EVERY)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BBError(
            f"cannot write: {error.strerror}",
            where=str(path),
            hint="name a new file in a directory that you can write to",
        ) from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(canonical.plain(r), sort_keys=True) + "\n" for r in rows)
    context.err.write(f"bb audit: {len(rows)} rows in {path}\n")


def report(context: Context, check: AuditCheck) -> None:
    """Say that the chain is whole, and its head, or raise LedgerCorrupt."""
    if not check.ok:
        raise LedgerCorrupt(
            f"the audit record was changed: {check.problem}",
            hint="compare with a backup: bb ledger backup keeps them",
        )
    context.err.write(f"audit record is whole: {check.rows} rows, head {check.head or 'none'}\n")
