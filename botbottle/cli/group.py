"""The command line under typer: finds verbs lazily, shows help in groups, with plain words."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError

from botbottle.cli.common import unknown
from botbottle.cli.examples import EXIT_CODES, epilog
from botbottle.cli.options import Group, typed
from botbottle.cli.root import root
from botbottle.cli.verbs import GROUPS, VERBS
from botbottle.errors import Exit, UsageError
from botbottle.load import import_pydantic

_NAMED = {
    "only": "NAME",
    "bottle": "NAME",
    "from_": "CONTAINER",
    "allow": "LIST",
    "approve": "DIGEST",
    "budget": "BUDGET",
    "format_": "FORMAT",
    "since": "AGE",
    "by": "LIST",
}
_WORDS = {"path": "PATH", "int": "N", "int range": "N", "float": "N", "float range": "N"}

# Options of bb itself (cli/root.py), which people also try behind the verb.
BEFORE_THE_VERB = {"-C", "--home", "--progress", "--events", "--lock-timeout"}


# Verbs that take words with a dash before them: -1 is a generation, -l an option of a program.
DASHES = {"attach", "diff", "undo"}

# What other tools call it.
ABROAD = {
    **dict.fromkeys(("up", "run", "start", "create"), "apply"),
    **dict.fromkeys(("down", "prune"), "destroy"),
    **dict.fromkeys(("exec", "shell", "connect"), "attach"),
    "ps": "status",
    "ls": "list",
    "rm": "kill",
    "stop": "freeze",
    "bottles": "list",
}


def no_verb(word: str) -> UsageError:
    """The error for a word that is no verb, with the command that was meant."""
    if word in ABROAD:
        return UsageError(f"there is no verb {word!r}", hint=f"did you mean bb {ABROAD[word]}?")
    return unknown(word, VERBS, "verb", "bb --help lists them", before="bb ")


class LazyGroup(typer.core.TyperGroup):
    """A group that imports a verb's module when the verb runs or shows its own help."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load_verb(cmd_name) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise no_verb(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rest = [n for n in VERBS if not any(n in names for names in GROUPS.values())]
        for title, names in {**GROUPS, **({"More": rest} if rest else {})}.items():
            with formatter.section(title):
                formatter.write_dl([(name, VERBS[name][1]) for name in names], col_max=14)


def load_verb(name: str) -> Any:
    """The command of one verb: what its module has under its name, with ``_`` behind it where that
    name means something else there."""
    module = importlib.import_module(f"botbottle.cli.{VERBS[name][0]}")
    attribute = name.replace("-", "_")
    verb = getattr(module, f"{attribute}_", None) or getattr(module, attribute)
    command: Any = typer.main.get_command(_declared(name, verb))
    command = getattr(command, "commands", {}).get(name, command)
    command.epilog = epilog(name)
    return plain_words(command)


def _declared(name: str, verb: Callable[..., int] | Group) -> typer.Typer:
    """A verb in typer's own words."""
    made = typer.Typer(add_completion=False, rich_markup_mode=None)
    if not isinstance(verb, Group):
        settings = {"ignore_unknown_options": name in DASHES}
        made.command(name, context_settings=settings)(typed(verb))
        return made
    inner = typer.Typer(no_args_is_help=True, help=verb.help)
    for word, function in verb.verbs.items():
        inner.command(word)(typed(function))
    made.add_typer(inner, name=name)
    return made


def plain_words(command: Any) -> Any:
    """``--only TEXT`` and ``NAME`` in place of the types of the program's own language."""
    for param in command.params:
        if param.metavar is None and not getattr(param, "is_flag", False):
            param.metavar = _metavar(param)
        if param.param_type_name == "argument":
            param.display_type_rich = lambda **_: ""  # its name says enough
    for inner in getattr(command, "commands", {}).values():
        plain_words(inner)
    return command


def _metavar(param: Any) -> str:
    if param.param_type_name == "argument":
        return str(param.name).strip("_").upper()
    descriptor = param.type_descriptor
    kind = "path" if descriptor.is_path else str(getattr(descriptor.annotation, "__name__", ""))
    return _NAMED.get(param.name, _WORDS.get(kind, "TEXT"))


def as_usage_error(error: ClickException) -> UsageError:
    """What the parser complains of, in the form of every other error of bb."""
    context = getattr(error, "ctx", None)
    where = str(context.command_path) if context is not None else "bb"
    message = error.format_message().rstrip(".")
    if where != "bb" and (option := getattr(error, "option_name", "")) in BEFORE_THE_VERB:
        verb = where.removeprefix("bb ")
        return UsageError(message, hint=f"it goes before the verb: bb {option} … {verb}")
    return UsageError(message, hint=f"{where} --help")


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    epilog=EXIT_CODES,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(typed(root))


def run(args: Sequence[str]) -> int:
    """Run a command line and return its exit code. Raises what the verb raises, and UsageError
    for what is not understood."""
    if set(args) - {"--help"}:
        import_pydantic()  # typer reads values with it
    command: Any = typer.main.get_command(app)
    try:  # not its main(), which ends the process in words and with codes of its own
        with command.make_context("bb", list(args), obj=tuple(args)) as context:
            result = command.invoke(context)
        return result if isinstance(result, int) else int(Exit.OK)
    except NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)  # noqa: T201
        return int(Exit.USAGE)
    except ClickException as error:
        raise as_usage_error(error) from error
    except typer.Exit as error:
        return error.exit_code
