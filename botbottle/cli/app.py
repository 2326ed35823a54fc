"""The command line: global options, lazily loaded verbs, and the one place that turns
exceptions into messages and exit codes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError

from botbottle.cli.context import Context, ProgressMode, default_home
from botbottle.cli.verbs import VERBS
from botbottle.errors import Exit


class LazyGroup(typer.core.TyperGroup):
    """A group that imports a verb's module when the verb runs or shows its own help."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load_verb(cmd_name) if cmd_name in VERBS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


def load_verb(name: str) -> Any:
    """The command of one verb, from ``botbottle.cli.MODULE.register(app)``."""
    module = importlib.import_module(f"botbottle.cli.{VERBS[name][0]}")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    module.register(app)
    command: Any = typer.main.get_command(app)
    return getattr(command, "commands", {}).get(name, command)


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
        Path | None, typer.Option("-C", help="Act as if started in this directory.")
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option("--home", envvar="BB_HOME", help="The bb home (default ~/.bot-bottle)."),
    ] = None,
    progress: Annotated[
        str, typer.Option("--progress", envvar="BB_PROGRESS", help="auto|tty|plain|json|quiet")
    ] = "auto",
    events: Annotated[
        str, typer.Option("--events", envvar="BB_EVENTS", help="Write events as JSON lines here.")
    ] = "",
    lock_timeout: Annotated[
        float,
        typer.Option("--lock-timeout", envvar="BB_LOCK_TIMEOUT", help="Seconds to wait."),
    ] = 0.0,
) -> None:
    """Run coding agents as if each might be compromised, and lose nothing when it is."""
    import os

    if progress not in ("auto", "tty", "plain", "json", "quiet"):
        raise typer.BadParameter(f"{progress!r} is not one of auto, tty, plain, json, quiet")
    mode: ProgressMode = progress  # type: ignore[assignment]  # checked above
    ctx.obj = Context(
        home=home.expanduser().absolute() if home else default_home(os.environ),
        cwd=(directory or Path()).absolute(),
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
        error.show()
        return int(Exit.USAGE)
    except typer.Exit as error:
        return error.exit_code
    except (Exception, KeyboardInterrupt, typer.Abort) as error:  # noqa: BLE001  # the last resort: every failure becomes a message and a code
        return report(error, args, sys.stderr)
