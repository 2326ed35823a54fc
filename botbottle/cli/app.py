"""The command line: the one place that turns what happened into messages and exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence

from botbottle.cli.plain import call
from botbottle.errors import Exit


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the process exit code; never raises."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        if (verb := call(args, os.environ)) is not None:
            return carried_out(verb)
        from botbottle.cli.group import run

        return run(args)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the last resort: every failure becomes a message and a code
        from botbottle.cli.report import report

        return report(error, args, sys.stderr)


def carried_out(verb: Callable[[], int]) -> int:
    """Run a verb that typer was not needed for; it ends as under typer."""
    try:
        return verb()
    except KeyboardInterrupt:
        return int(Exit.INTERRUPTED)
    except EOFError as error:  # Ctrl-D at a question
        sys.stderr.write("\n")
        raise KeyboardInterrupt from error
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise
        # Nobody reads on; what is still in the stream must not fail once more at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return int(Exit.FAILURE)
