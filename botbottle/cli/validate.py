"""``bb validate``: every manifest checked; no engine, no network, no ledger, no write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TextIO

from botbottle.cli import diagnostics
from botbottle.cli.options import Invocation, Option
from botbottle.errors import Exit, UsageError
from botbottle.load import load
from botbottle.load.loader import Loaded


def validate_files(home: Path, cwd: Path, form: str, strict: bool, out: TextIO, err: TextIO) -> int:
    """Report all findings on ``out`` and one last line on ``err``. Returns the exit code."""
    if form not in diagnostics.FORMATS:
        raise UsageError(
            f"{form!r} is not a format", hint=f"one of {', '.join(diagnostics.FORMATS)}"
        )
    loaded = load(home, cwd)
    out.write(diagnostics.render(loaded, form, Path(loaded.layers.cwd)))
    warnings = len(loaded.diagnostics) - len(loaded.errors)
    failed = bool(loaded.errors) or (strict and warnings > 0)
    code = Exit.INVALID if failed else Exit.OK
    out.flush()
    err.write(f"bb validate: {_counts(loaded, warnings)}  exit {int(code)}\n")
    return int(code)


def _counts(loaded: Loaded, warnings: int) -> str:
    library = loaded.resolver.library
    files = [
        _plural(len(library.bottle_folder.entries), "bottle"),
        _plural(len(library.agent_entries), "agent"),
        _plural(len(loaded.errors), "error"),
        _plural(warnings, "warning"),
    ]
    return "  ".join(files)


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def validate(
    ctx: Invocation,
    form: Annotated[
        str, Option("--format", envvar="BB_FORMAT", help="text|json|github|sarif")
    ] = "text",
    json_: Annotated[bool, Option("--json", help="The same as --format json.")] = False,
    strict: Annotated[bool, Option("--strict", help="Warnings also fail (exit 3).")] = False,
) -> int:
    """Check all manifests; no engine, no network, no write.

    Exit codes: 0 valid, 3 invalid, 64 usage.
    """
    context = ctx.obj
    return validate_files(
        context.home,
        context.cwd,
        context.one_form(form, json_=json_),
        strict,
        context.out,
        context.err,
    )
