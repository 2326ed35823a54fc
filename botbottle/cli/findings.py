"""``bb findings [NAME]``: what leak and injection detection saw, never the match itself; and alarms
of the ledger service."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.context import Context
from botbottle.cli.options import Argument, Invocation, Option
from botbottle.cli.shared import Json
from botbottle.ui.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from botbottle.cli.documents.records import Findings, Found
    from botbottle.ledger.api import Ledger
    from botbottle.ledger.records import EventKind, LedgerEvent
    from botbottle.model.bottle import Declared

    type Keys = Callable[[Ledger, Declared], Iterable[str]]


KINDS: tuple[EventKind, ...] = ("finding", "alarm")


def findings(
    ctx: Invocation,
    name: Annotated[str, Argument(help="The bottle; else all of the project.")] = "",
    limit: Annotated[int, Option("--limit", low=1, high=1000)] = 100,
    json_: Json = False,
) -> int:
    """What leak and injection detection saw, and alarms, in one bottle's traffic or in all."""
    context = ctx.obj
    found = of_one(context, name, limit) if name else of_all(context, limit)
    if json_:
        context.document(found)
    else:
        context.out.writelines(line(r, named=not name) for r in found.findings)
        where = name or "any bottle"
        context.note_empty(found.findings, f"bb findings: nothing was seen in {where}")
    return 0


def of_one(context: Context, name: str, limit: int) -> Findings:
    from botbottle.cli.instance import find
    from botbottle.model.paths import account

    spec = find(context, name).spec
    return read(context, name, lambda *_: (account(spec.project, spec.name),), limit)


def of_all(context: Context, limit: int) -> Findings:
    """The newest of every bottle that the project has or had."""

    def keys(ledger: Ledger, declared: Declared) -> list[str]:
        known = (a.name for a in ledger.accounts(retired=True))
        return [name for name in known if name.rpartition("/")[0] == declared.project.id]

    return read(context, None, keys, limit)


def read(context: Context, name: str | None, keys: Keys, limit: int) -> Findings:
    """The newest ``limit`` findings of these accounts, oldest first."""
    from botbottle.cli.common import declared_ledger
    from botbottle.cli.documents.records import Findings

    with declared_ledger(context) as (declared, ledger):
        found = [
            event
            for key in keys(ledger, declared)
            for kind in KINDS
            for event in ledger.events(account=key, kind=kind, limit=limit)
        ]
    newest = sorted(found, key=lambda event: event.id)[-limit:]
    return Findings(bottle=name, findings=tuple(map(told, newest)))


def told(event: LedgerEvent) -> Found:
    from msgspec.structs import asdict

    from botbottle.cli.documents.records import Found

    return Found(bottle=event.account.rpartition("/")[2], **asdict(event))


def line(row: Found, *, named: bool = False) -> str:
    """One finding for people: rule, place, fingerprint; or an alarm. ``named``: with its bottle."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row.at))
    rest = "  ".join(f"{k}={v}" for k, v in sorted(row.data.items()) if k != "allowed_by")
    rest = f"alarm  {rest}" if row.kind == "alarm" else rest
    who = f"  allowed by {row.data['allowed_by']}" if "allowed_by" in row.data else ""
    bottle = f"{row.bottle}  " if named else ""
    return f"{stamp}Z  {visible(bottle + rest + who)}\n"
