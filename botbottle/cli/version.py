"""``bb version``."""

from __future__ import annotations

from botbottle import __version__
from botbottle.cli.options import Invocation


def version(ctx: Invocation) -> int:
    """Print the version."""
    context = ctx.obj
    context.out.write(f"bb {__version__}\n")
    return 0
