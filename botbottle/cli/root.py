"""The global options: what every verb's ``Context`` is made of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from botbottle.cli.context import Context, ProgressMode, home_directory, working_directory
from botbottle.cli.options import Invocation, Option
from botbottle.errors import UsageError

_MODES: tuple[ProgressMode, ...] = ("auto", "tty", "plain", "json", "quiet")


def root(
    ctx: Invocation,
    directory: Annotated[
        Path | None, Option("-C", metavar="DIR", help="Act as if started in this directory.")
    ] = None,
    home: Annotated[
        Path | None,
        Option(
            "--home", envvar="BB_HOME", metavar="DIR", help="The bb home (default ~/.bot-bottle)."
        ),
    ] = None,
    progress: Annotated[
        str,
        Option(
            "--progress", envvar="BB_PROGRESS", metavar="MODE", help="auto|tty|plain|json|quiet"
        ),
    ] = "auto",
    events: Annotated[
        str,
        Option("--events", envvar="BB_EVENTS", metavar="FILE", help="Append events as JSON lines."),
    ] = "",
    lock_timeout: Annotated[
        float,
        Option(
            "--lock-timeout",
            envvar="BB_LOCK_TIMEOUT",
            metavar="SECONDS",
            help="Wait so long for another bb on this project.",
        ),
    ] = 0.0,
    version: Annotated[bool, Option("--version", "-V", help="Print the version.")] = False,
) -> None:
    """Run coding agents as if each might be compromised, and lose nothing when it is."""
    if version:
        import typer

        from botbottle import __version__

        print(f"bb {__version__}")  # noqa: T201
        raise typer.Exit
    if progress not in _MODES:
        raise _invalid(f"{progress!r} is not one of {', '.join(_MODES)}")
    if not lock_timeout >= 0:  # neither below zero nor NaN, which would wait forever
        raise _invalid(f"--lock-timeout {lock_timeout}: write seconds, 0 or more")
    words: object = ctx.obj
    context = Context(
        home=home_directory(home, os.environ),
        cwd=working_directory(directory),
        progress=progress,
        events=events,
        lock_timeout=lock_timeout,
        words=words if isinstance(words, tuple) else (),
    )
    if events not in ("", "-"):
        context.events = str(context.appended(Path(events)))
    ctx.obj = context


def _invalid(why: str) -> UsageError:
    return UsageError(f"Invalid value: {why}", hint="bb --help")
