"""``bb version``."""

from __future__ import annotations

import typer

from botbottle import __version__
from botbottle.cli.context import Context


def register(app: typer.Typer) -> None:
    @app.command()
    def version(ctx: typer.Context) -> int:
        """Print the version."""
        context: Context = ctx.obj
        context.out.write(f"bb {__version__}\n")
        return 0
