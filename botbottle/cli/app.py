"""The command line: the one place that turns what happened into messages and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from botbottle.cli.plain import call


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the process exit code; never raises."""
    args = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: run_verb(args), args)


def run_verb(args: Sequence[str]) -> int:
    """Run what the words say; ``help [VERB]`` is what many type for ``--help``. Raises what the
    verb raises."""
    if args[:1] == ["help"]:
        args = [*args[1:], "--help"]
    if (verb := call(args, os.environ)) is not None:
        return verb()
    from botbottle.cli.group import run

    return run(args)


def guarded(work: Callable[[], int], args: Sequence[str]) -> int:
    """The exit code of ``work``. What it wrote is sent on here: at the end of the process Python
    would tell of a full disk in its own words, with a code of its own."""
    try:
        code = work()
        sys.stdout.flush()
        return code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the last resort: every failure becomes a message and a code
        from botbottle.cli.report import failed

        return failed(error, args)
