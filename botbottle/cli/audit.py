"""``bb audit``: what enforcement did, and whether the record is whole."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.context import Context
from botbottle.errors import LedgerCorrupt
from botbottle.model import canonical


def register(app: typer.Typer) -> None:
    @app.command()
    def audit(
        ctx: typer.Context,
        json_: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
        verify: Annotated[bool, typer.Option("--verify", help="Check every link.")] = False,
        head: Annotated[str, typer.Option("--head", help="A hash kept from before.")] = "",
    ) -> int:
        """The enforcement record; verify its chain."""
        context: Context = ctx.obj
        session = open_session(context)
        declared = load_declared(context, session)
        ledger = session.open_ledger(declared)
        try:
            rows = [canonical.plain(r) for r in ledger.audit()]
            check = ledger.verify_audit(head) if verify else None
        finally:
            ledger.close()
        if json_:
            context.document(rows=rows)
        else:
            context.out.writelines(line(r) for r in rows)
            context.note_empty(rows, "bb audit: nothing was ever enforced")
        if check is not None:
            report(context, check)
        return 0


def line(row: dict[str, object]) -> str:
    """One row for people."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(float(str(row["at"]))))
    rest = "  ".join(f"{k}={row[k]}" for k in sorted(row) if k not in ("at", "hash", "previous"))
    return f"{stamp}Z  {rest}\n"


def report(context: Context, check: object) -> None:
    """Say that the chain is whole, or raise LedgerCorrupt."""
    if not getattr(check, "ok", False):
        raise LedgerCorrupt(
            f"the audit record was changed: {check}",
            hint="compare with a backup: bb ledger backup keeps them",
        )
    context.err.write(f"audit record is whole: {check}\n")
