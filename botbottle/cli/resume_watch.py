"""``bb resume-watch NAME``: let the watch repair a bottle again that it gave up on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from botbottle.cli.options import Argument, Invocation


def resume_watch(ctx: Invocation, name: Annotated[str, Argument(help="The bottle.")]) -> int:
    """Let bb watch repair a bottle again after it gave up a fight over it."""
    context = ctx.obj
    from botbottle.cli.instance import find

    spec = find(context, name).spec
    folder = Path(context.home) / "run/watch" / spec.project
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / name).touch(mode=0o600)
    context.err.write(f"bb resume-watch: the next pass of a watch may repair {name} again\n")
    return 0
