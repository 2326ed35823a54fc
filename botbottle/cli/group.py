"""How ``bb`` finds its verbs and shows its help: lazily, in groups, with plain words."""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer._click.exceptions import ClickException

from botbottle.cli.verbs import GROUPS, VERBS
from botbottle.errors import UsageError

_WORDS = {"path": "PATH", "int": "N", "int range": "N", "float": "N", "float range": "N"}

# Options of bb itself (cli/app.py), which people also try behind the verb.
BEFORE_THE_VERB = {"-C", "--home", "--progress", "--events", "--lock-timeout"}


class LazyGroup(typer.core.TyperGroup):
    """A group that imports a verb's module when the verb runs or shows its own help."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return load_verb(cmd_name) if cmd_name in VERBS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise unknown(args[0], VERBS, "verb", "bb --help lists them")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rest = [n for n in VERBS if not any(n in names for names in GROUPS.values())]
        for title, names in {**GROUPS, **({"More": rest} if rest else {})}.items():
            with formatter.section(title):
                formatter.write_dl([(name, VERBS[name][1]) for name in names], col_max=14)


def load_verb(name: str) -> Any:
    """The command of one verb, from ``botbottle.cli.MODULE.register(app)``."""
    module = importlib.import_module(f"botbottle.cli.{VERBS[name][0]}")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    module.register(app)
    command: Any = typer.main.get_command(app)
    return plain_words(getattr(command, "commands", {}).get(name, command))


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
    return _WORDS.get(kind, "TEXT")


def unknown(word: str, known: Any, what: str, otherwise: str) -> UsageError:
    """The error for a word that is not one of ``known``, with the nearest one."""
    import difflib

    close = difflib.get_close_matches(word, list(known), 1)
    hint = f"did you mean {close[0]}?" if close else otherwise
    return UsageError(f"there is no {what} {word!r}", hint=hint)


def as_usage_error(error: ClickException) -> UsageError:
    """What the parser complains of, in the form of every other error of bb."""
    context = getattr(error, "ctx", None)
    where = str(context.command_path) if context is not None else "bb"
    message = error.format_message().rstrip(".")
    if where != "bb" and (option := getattr(error, "option_name", "")) in BEFORE_THE_VERB:
        verb = where.removeprefix("bb ")
        return UsageError(message, hint=f"it goes before the verb: bb {option} … {verb}")
    return UsageError(message, hint=f"{where} --help")
