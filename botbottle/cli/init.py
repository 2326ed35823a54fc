"""``bb init``: a commented starter in the home directory, validated before it is left there."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, TextIO

from botbottle.cli.context import Context
from botbottle.cli.options import Invocation, Option
from botbottle.cli.product import write_private
from botbottle.cli.shared import Yes
from botbottle.cli.starter import PROVIDERS, Choices, files
from botbottle.errors import Exit, ManifestError, Refused, UsageError
from botbottle.load.layers import SETTINGS


def write_starter(
    home: Path, choices: Choices, force: bool, out: TextIO, then: str = "bb plan"
) -> int:
    """Write the starter's files. Nothing is overwritten unless ``force``; settings that are there
    serve a second bottle as well.

    Raises UsageError for a choice that would not validate and Refused for existing files.
    """
    check(choices)
    wanted = files(choices)
    if not force and (home / SETTINGS).exists():
        del wanted[SETTINGS]
    taken = [file for file in wanted if (home / file).exists()]
    if taken and not force:
        raise Refused(
            f"already there: {', '.join(taken)}",
            code="BB7010",
            where=str(home),
            hint="choose another --name, or --force to overwrite",
        )
    for folder in (home, home / "bottles", home / "agents"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file, text in wanted.items():
        write_private(home / file, text, "the starter")
        out.write(f"wrote {home / file}\n")
    _validated(home, choices)
    out.write(f"next: export {choices.variable}=..., then {then}\n")
    return int(Exit.OK)


def check(choices: Choices) -> None:
    """Refuse what the manifests would refuse, before anything is written."""
    from botbottle.budget.limits import parse_limit
    from botbottle.model.manifest import is_name
    from botbottle.model.reading import RouteError
    from botbottle.model.route_reading import from_manifest

    if not is_name(choices.name):
        raise UsageError(f"{choices.name!r} is not a name", hint="for example dev")
    if choices.provider not in PROVIDERS:
        raise UsageError(
            f"{choices.provider!r} is not a provider", hint=f"one of {', '.join(PROVIDERS)}"
        )
    try:
        parse_limit(choices.provider, choices.budget)
        for host in choices.allow:
            from_manifest({"host": host})
    except RouteError as error:
        raise UsageError(error.message, hint=error.hint) from error
    except ValueError as error:
        raise UsageError(str(error), hint="for example 5M or 5M/day") from error


def _validated(home: Path, choices: Choices) -> None:
    from botbottle.load import load_one

    loaded = load_one(choices.name, home)
    if loaded.errors:
        first = loaded.errors[0]
        raise ManifestError(first.message, code=first.code, where=str(first.origin))


def ask_choices(context: Context, given: Choices) -> Choices:
    """Ask for provider, budget and hosts on a terminal; the given ones are the defaults."""

    def ask(question: str, default: str) -> str:
        context.err.write(f"{question} [{default}]: ")
        context.err.flush()
        if not (line := context.stdin.readline()):  # Ctrl-D is no answer
            raise Refused("nothing was written", code="BB7007", hint="bb init --yes does not ask")
        return line.strip() or default

    provider = ask(f"provider ({', '.join(PROVIDERS)})", given.provider)
    budget = ask("token budget", given.budget)
    hosts = ask("hosts to allow beyond the provider's, separated by spaces", " ".join(given.allow))
    return Choices(given.name, provider, budget, tuple(hosts.split()))


def init(
    ctx: Invocation,
    name: Annotated[str, Option("--name", help="Of the bottle and its agent.")] = "dev",
    provider: Annotated[str, Option("--provider", help="claude|codex|pi")] = "claude",
    budget: Annotated[str, Option("--budget", help="Such as 5M/day.")] = "5M/day",
    allow: Annotated[
        list[str] | None, Option("--allow", help="A further host; repeatable.")
    ] = None,
    yes: Yes = False,
    force: Annotated[bool, Option("--force", help="Overwrite existing files.")] = False,
) -> int:
    """Write a commented starter into the home directory.

    Exit codes: 0 written, 7 files exist, 64 usage.
    """
    context = ctx.obj
    choices = Choices(name, provider, budget, tuple(allow or ()))
    if context.interactive and not yes:
        choices = ask_choices(context, choices)
    then = shlex.join(("bb", *context.before("init"), "plan"))
    return write_starter(context.home, choices, force, context.out, then)
