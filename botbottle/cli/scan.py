"""``bb scan``: secrets in files, in standard input, in what git has staged; or injections."""

from __future__ import annotations

import os
from typing import Annotated

from botbottle.cli.context import Context
from botbottle.cli.options import Argument, Invocation, Option
from botbottle.errors import MissingValue, UsageError


def scan(
    ctx: Invocation,
    paths: Annotated[
        list[str] | None, Argument(help="Files, directories, or - for standard input.")
    ] = None,
    format_: Annotated[
        str, Option("--format", help="text, json, sarif; jsonl with --each-line")
    ] = "text",
    each_line: Annotated[
        bool, Option("--each-line", help="The input is JSON lines with a text member.")
    ] = False,
    direction: Annotated[
        str, Option("--direction", help="outbound (secrets) or inbound (injections)")
    ] = "outbound",
    heuristics: Annotated[
        bool, Option("--heuristics", help="Inbound: use the wider phrase set too.")
    ] = False,
    entropy: Annotated[
        bool, Option("--entropy", help="Outbound: warn of random-looking strings.")
    ] = False,
    diff: Annotated[
        bool, Option("--diff", help="Scan what git has staged (for pre-commit).")
    ] = False,
    min_verdict: Annotated[
        str, Option("--min-verdict", help="block, token, supervise or warn")
    ] = "",
    known_env: Annotated[
        list[str] | None,
        Option("--known-env", help="Also look for this variable's value, encoded or not."),
    ] = None,
    allow: Annotated[
        str,
        Option("--allow", help="File of approved fingerprints; begun when missing."),
    ] = "",
) -> int:
    """Scan text for secrets or injections; exit 1 when something was found."""
    context = ctx.obj
    return scan_command(
        context, tuple(paths or ()), format_, direction, each_line=each_line,
        heuristics=heuristics, entropy=entropy, diff=diff, min_verdict=min_verdict,
        known_env=tuple(known_env or ()), allow=allow,
    )  # fmt: skip


def scan_command(
    context: Context,
    paths: tuple[str, ...],
    format_: str,
    direction: str,
    *,
    each_line: bool,
    heuristics: bool,
    entropy: bool,
    diff: bool,
    min_verdict: str,
    known_env: tuple[str, ...],
    allow: str,
) -> int:
    """Run the scan; 0 without findings, 1 with (JSON lines: 0), 64 for a wrong command line."""
    from botbottle.dlp.command import ScanOptions, run, standard_input

    if direction not in ("outbound", "inbound"):
        raise UsageError(f"unknown direction {direction!r}", hint="outbound or inbound")
    options = ScanOptions(
        format=format_,
        each_line=each_line,
        inbound=direction == "inbound",
        wide=heuristics,
        entropy=entropy,
        diff=diff,
        minimum=min_verdict,
        allow=allow,
        base=context.cwd,
        known={name: _value(name) for name in known_env},
    )
    return run(paths, options, context.out, standard_input())


def _value(name: str) -> bytes:
    value = os.environb.get(name.encode())
    if value is None:
        raise MissingValue(f"the variable {name} is not set")
    return value
