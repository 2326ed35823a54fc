"""The command line: global options, lazily loaded verbs, and the one place that turns
exceptions into messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError

from botbottle.cli.context import Context, ProgressMode, home_directory, working_directory
from botbottle.cli.group import LazyGroup, as_usage_error
from botbottle.errors import Exit

app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    ctx: typer.Context,
    directory: Annotated[
        Path | None, typer.Option("-C", metavar="DIR", help="Act as if started in this directory.")
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(
            "--home", envvar="BB_HOME", metavar="DIR", help="The bb home (default ~/.bot-bottle)."
        ),
    ] = None,
    progress: Annotated[
        str,
        typer.Option(
            "--progress", envvar="BB_PROGRESS", metavar="MODE", help="auto|tty|plain|json|quiet"
        ),
    ] = "auto",
    events: Annotated[
        str,
        typer.Option(
            "--events", envvar="BB_EVENTS", metavar="FILE", help="Append events as JSON lines."
        ),
    ] = "",
    lock_timeout: Annotated[
        float,
        typer.Option(
            "--lock-timeout",
            envvar="BB_LOCK_TIMEOUT",
            metavar="SECONDS",
            help="Wait so long for another bb on this project.",
        ),
    ] = 0.0,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """Run coding agents as if each might be compromised, and lose nothing when it is."""
    import os

    if version:
        from botbottle import __version__

        print(f"bb {__version__}")  # noqa: T201
        raise typer.Exit
    if progress not in ("auto", "tty", "plain", "json", "quiet"):
        raise typer.BadParameter(f"{progress!r} is not one of auto, tty, plain, json, quiet")
    if not lock_timeout >= 0:  # neither below zero nor NaN, which would wait forever
        raise typer.BadParameter(f"--lock-timeout {lock_timeout}: write seconds, 0 or more")
    mode: ProgressMode = progress  # type: ignore[assignment]  # checked above
    ctx.obj = Context(
        home=home_directory(home, os.environ),
        cwd=working_directory(directory),
        progress=mode,
        events=events,
        lock_timeout=lock_timeout,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the process exit code; never raises."""
    from botbottle.cli.report import report

    args = list(sys.argv[1:] if argv is None else argv)
    try:
        result = typer.main.get_command(app).main(args, prog_name="bb", standalone_mode=False)
        return result if isinstance(result, int) else int(Exit.OK)
    except NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)  # noqa: T201
        return int(Exit.USAGE)
    except ClickException as error:
        return report(as_usage_error(error), args, sys.stderr)
    except typer.Exit as error:
        return error.exit_code
    except (Exception, KeyboardInterrupt, typer.Abort) as error:  # noqa: BLE001  # the last resort: every failure becomes a message and a code
        return report(error, args, sys.stderr)
