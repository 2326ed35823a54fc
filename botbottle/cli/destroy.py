"""``bb destroy``: apply with nothing desired, on the same code path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from botbottle.cli.apply import Allow, Approve, Json, Parallel, Yes
from botbottle.cli.common import load_declared, open_session
from botbottle.cli.consent import Consent
from botbottle.cli.context import Context
from botbottle.cli.run import Pace, Run

if TYPE_CHECKING:
    from botbottle.engine.api import EngineRead


def register(app: typer.Typer) -> None:
    @app.command()
    def destroy(
        ctx: typer.Context,
        yes: Yes = False,
        allow: Allow = None,
        approve: Approve = "",
        json_: Json = False,
        parallel: Parallel = 4,
    ) -> int:
        """Remove everything of this project from the engine; the ledger's history stays."""
        context: Context = ctx.obj
        session = open_session(context)
        declared = load_declared(context, session)
        run = Run(context, session, declared, "destroy", destroy=True)
        run = run.for_machines() if json_ else run
        # Naming the verb is the approval to destroy; what it shows is still asked about.
        consent = Consent(yes=yes, allow=(*(allow or ()), "destroy"), digest=approve)
        code = run.go(consent, Pace(parallel=parallel))
        list_images(context, session.engine)
        return code


def list_images(context: Context, engine: EngineRead) -> None:
    """Images are kept for reuse; say which, and how to drop them."""
    from botbottle.model import labels

    kept = sorted(t for i in engine.images(f"{labels.KIND}=image") for t in i.tags)
    if kept:
        context.err.write("images kept for reuse (docker rmi removes them):\n")
        context.err.writelines(f"  {tag}\n" for tag in kept)
