"""``bb completion SHELL``: the script that makes a shell ask ``bb __complete``."""

from __future__ import annotations

from typing import Annotated

from botbottle.cli.complete import SCRIPTS
from botbottle.cli.options import Argument, Invocation
from botbottle.errors import Exit, UsageError


def completion(
    ctx: Invocation,
    shell: Annotated[str, Argument(help="bash|zsh|fish")] = "bash",
) -> int:
    """Print the completion script of a shell.

    For example: bb completion bash > ~/.local/share/bash-completion/completions/bb
    """
    context = ctx.obj
    if shell not in SCRIPTS:
        raise UsageError(f"{shell!r} is unknown", hint=f"one of {', '.join(SCRIPTS)}")
    context.out.write(SCRIPTS[shell])
    return int(Exit.OK)
