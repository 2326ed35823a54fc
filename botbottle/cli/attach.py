"""``bb attach``: the agent of a running bottle in this terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, NoReturn

from botbottle.cli.context import Context
from botbottle.cli.options import Argument, Invocation
from botbottle.errors import EngineError

if TYPE_CHECKING:
    from botbottle.model.bottle import BottleSpec


def attach(
    ctx: Invocation,
    name: Annotated[str, Argument(help="The bottle.")],
    command: Annotated[
        list[str] | None, Argument(help="Run this instead of the agent program.")
    ] = None,
) -> None:
    """Open the agent of a running bottle in this terminal."""
    context = ctx.obj
    run(context, name, command or [])


def run(context: Context, name: str, command: list[str]) -> NoReturn:
    """Replace this process by the docker CLI, which handles terminals well."""
    import shutil

    from botbottle.cli.instance import find, require_running
    from botbottle.engine.reader import connect

    instance = find(context, name)
    container = require_running(connect(context.environ), instance)
    docker = shutil.which("docker", path=context.environ.get("PATH"))
    if docker is None:
        raise EngineError("attach needs the docker command line client", hint="install docker")
    argv = command or list(program(instance.spec))
    terminal = ["-it"] if context.interactive else ["-i"]
    os.execve(  # noqa: S606 - no shell on purpose
        docker, [docker, "exec", *terminal, container, "bb-exec", *argv], dict(context.environ)
    )


def program(spec: BottleSpec) -> tuple[str, ...]:
    """The interactive command line of the bottle's template."""
    from botbottle.planner.wanted import chosen

    found, credential, _ = chosen(spec)
    return found.argv("interactive", credential, dict(spec.provider_settings))
