"""Options that several verbs have, each worded once."""

from __future__ import annotations

from typing import Annotated

from botbottle.cli.options import Option

Yes = Annotated[bool, Option("--yes", "-y", help="Do not ask.")]
Allow = Annotated[
    list[str] | None,
    Option("--allow", help="What --yes may do besides: widen,destroy,budget."),
]
Approve = Annotated[
    str,
    Option("--approve", envvar="BB_APPROVE", help="Apply only the plan with this digest."),
]
Parallel = Annotated[
    int, Option("--parallel", envvar="BB_PARALLEL", low=1, high=64, help="Ops at a time.")
]
Json = Annotated[bool, Option("--json", help="Print a JSON document.")]
DoneJson = Annotated[bool, Option("--json", help="Print what was done as a JSON document.")]
Only = Annotated[
    list[str] | None, Option("--only", help="Only this bottle and what it shares; repeat.")
]
Project = Annotated[
    str, Option("--project", help="Of this project (its id), wherever its folder is.")
]
Reason = Annotated[str, Option("--reason", help="Kept in the audit record.")]
Since = Annotated[str, Option("--since", help="7d, 24h, or a date 2026-01-31.")]
