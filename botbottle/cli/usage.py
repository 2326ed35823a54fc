"""``bb usage``: tokens spent, from the ledger; also what a budget counts."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import to_builtins

from botbottle.cli.common import declared_ledger
from botbottle.cli.context import Context
from botbottle.cli.options import Invocation, Option
from botbottle.cli.shared import Json, Since
from botbottle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from botbottle.cli.documents.spending import UsageGroup
    from botbottle.ledger.api import Group
    from botbottle.ledger.records import UsageRow

GROUPS: tuple[Group, ...] = (
    "account",
    "agent",
    "bottle",
    "provider",
    "model",
    "day",
    "hour",
    "project",
)
FORMATS = ("table", "json", "csv", "otel")
OTEL_GROUPS: tuple[Group, ...] = ("account", "agent", "provider", "model")
CLASSES = (
    "input_uncached",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
)


def usage(
    ctx: Invocation,
    by: Annotated[
        str, Option("--by", help="Comma list: " + ", ".join(GROUPS))
    ] = "account,provider",
    json_: Json = False,
    csv_: Annotated[bool, Option("--csv", help="Print CSV.")] = False,
    since: Since = "",
    format_: Annotated[str, Option("--format", help="table, json, csv or otel.")] = "",
) -> int:
    """Tokens spent, by bottle, provider, model or day."""
    context = ctx.obj
    form = parse_format(format_, json_=json_, csv_=csv_)
    groups = OTEL_GROUPS if form == "otel" else parse_groups(by)
    begin = parse_since(since)
    with declared_ledger(context) as (declared, ledger):
        rows = ledger.usage(groups, since=begin)
        hours = ledger.usage(("hour",), since=begin) if form == "otel" else ()
    settings = declared.settings
    counted = [c for c in CLASSES[:5] if _counts(c, settings)]
    if form == "otel":
        write_otel(context, rows, hours)
    elif form == "json":
        write_json(context, groups, rows, counted)
    elif form == "csv":
        write_csv(context, groups, rows)
    else:
        write_table(context, groups, rows, counted)
    return 0


def parse_groups(text: str) -> tuple[Group, ...]:
    """Group names in order. Raises UsageError."""
    known = {str(group): group for group in GROUPS}
    asked = [g.strip() for g in text.split(",") if g.strip()]
    for group in asked:
        if group not in known:
            raise UsageError(f"--by {group}: not one of {', '.join(GROUPS)}")
    return tuple(known[group] for group in asked)


def parse_format(text: str, *, json_: bool, csv_: bool) -> str:
    """One of FORMATS. Raises UsageError for another name, or for two different wishes."""
    asked = {name for name, on in (("json", json_), ("csv", csv_), (text, text)) if on}
    if text and text not in FORMATS:
        raise UsageError(f"--format {text}: not one of {', '.join(FORMATS)}")
    if len(asked) > 1:
        raise UsageError("one output format at a time")
    return asked.pop() if asked else "table"


def parse_since(text: str) -> float | None:
    """Epoch seconds of ``7d``, ``24h`` or an ISO date. Raises UsageError."""
    import datetime as dt
    import time

    if not text:
        return None
    units = {"h": 3600, "d": 86400, "w": 7 * 86400}
    if re.fullmatch(r"\d{1,6}[hdw]", text, re.ASCII):
        return max(0.0, time.time() - int(text[:-1]) * units[text[-1]])
    try:
        moment = dt.datetime.fromisoformat(text)
        return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--since {text}: write 7d, 24h or a date like 2026-01-31") from error


def _counts(name: str, settings: Any) -> bool:
    rule = {"input_uncached": settings.count_input, "cache_read": settings.count_cache_read}
    if name.startswith("cache_write"):
        return bool(settings.count_cache_write)
    return bool(rule.get(name, True))


def _group(groups: Sequence[str], found: UsageRow) -> UsageGroup:
    from botbottle.cli.documents.spending import UsageGroup

    keys: dict[str, Any] = dict(zip(groups, found.keys, strict=True))
    return UsageGroup(
        **keys,
        **{c: getattr(found.tokens, c) for c in CLASSES},
        total=found.tokens.total,
        counted=found.counted,
        requests=found.requests,
        partial=found.partial,
        estimated=found.estimated,
    )


def write_json(
    context: Context, groups: Sequence[str], rows: Sequence[UsageRow], counted: list[str]
) -> None:
    from botbottle.cli.documents.spending import Usage

    sums = tuple(_group(groups, r) for r in rows)
    context.document(Usage(by=tuple(groups), budgets_count=tuple(counted), rows=sums))


def write_otel(context: Context, rows: Sequence[UsageRow], hours: Sequence[UsageRow]) -> None:
    """OTLP in JSON; the counters start with the first hour that is in them."""
    import time

    from botbottle import __version__
    from botbottle.cli.usage_otel import document
    from botbottle.ledger.usage import hour_start

    now = time.time()
    start = hour_start(hours[0].keys[0]) if hours else now
    made = document(rows, start=start, now=now, version=__version__)
    context.out.write(json.dumps(made, indent=2) + "\n")


def write_csv(context: Context, groups: Sequence[str], rows: Sequence[UsageRow]) -> None:
    writer = csv.DictWriter(
        context.out,
        [*groups, *CLASSES, "total", "counted", "requests", "partial", "estimated"],
        lineterminator="\n",
    )
    writer.writeheader()
    for row in rows:
        wired = to_builtins(_group(groups, row))
        writer.writerow({k: _cell(v) if k in groups else v for k, v in wired.items()})


def _cell(text: str) -> str:
    """Text for a table program. A model's name comes from an agent, and what begins like a formula
    would be run as one."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def write_table(
    context: Context, groups: Sequence[str], rows: Sequence[UsageRow], counted: list[str]
) -> None:
    context.note_empty(rows, "bb usage: nothing was spent")
    if not rows:
        return
    names = [*groups, "input", "cache read", "cache write", "output", "total"]
    cells = [names]
    for found in rows:
        t = found.tokens
        numbers = (
            t.input_uncached,
            t.cache_read,
            t.cache_write_5m + t.cache_write_1h,
            t.output,
            t.total,
        )
        cells.append([*map(str, found.keys), *(f"{n:,}" for n in numbers)])
    widths = [max(len(c[i]) for c in cells) for i in range(len(names))]
    for line in cells:
        left = [line[i].ljust(widths[i]) for i in range(len(groups))]
        right = [line[i].rjust(widths[i]) for i in range(len(groups), len(names))]
        context.out.write("  ".join([*left, *right]).rstrip() + "\n")
    context.err.write(f"budgets count: {', '.join(counted)}\n")
    unsure = sum(row.partial + row.estimated for row in rows)
    if unsure:
        whole = sum(row.requests for row in rows)
        text = f"estimated: {unsure:,} of {whole:,} exchanges, in whole or in part"
        context.err.write(f"{text} (--json tells which sums; bb findings tells why)\n")
