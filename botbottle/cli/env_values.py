"""Values of ``env`` for verbs that start bottles: from the host, a file, or the person here."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from botbottle.cli.context import Context

if TYPE_CHECKING:
    from botbottle.load import EnvValues
    from botbottle.model.bottle import BottleSpec


def env_values(
    context: Context, bottles: Sequence[BottleSpec], file: Path | None = None
) -> dict[str, EnvValues]:
    """Bottle → values, for ``Session.env_values``. Only bottles that are to run are asked about.

    Raises MissingValue, naming every variable, when a value is missing and nobody can be asked.
    """
    from botbottle.load import read_env_file, resolve_env

    wanted = [b for b in bottles if b.state == "started"]
    given = read_env_file(context.cwd / file) if file else None
    ask = None
    if context.interactive:

        def ask(name: str, prompt: str) -> str:
            # Not echoed: what is asked for is often a secret.
            return getpass.getpass(f"{name}{f' ({prompt})' if prompt else ''}: ", context.err)

    return resolve_env(wanted, environ=context.environ, file=given, ask=ask)
