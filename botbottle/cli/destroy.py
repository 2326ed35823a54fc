"""``bb destroy``: apply with nothing desired, on the same code path."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.common import open_session
from botbottle.cli.consent import Consent
from botbottle.cli.context import Context
from botbottle.cli.options import Invocation, Option
from botbottle.cli.ordered import today
from botbottle.cli.run import Pace, Run
from botbottle.cli.shared import Allow, Approve, DoneJson, Parallel, Project, Yes
from botbottle.cli.unrecorded import read_or_without
from botbottle.engine.docker import connect
from botbottle.errors import LedgerCorrupt, LedgerTooNew
from botbottle.ui.visible import visible

if TYPE_CHECKING:
    from botbottle.engine.api import EngineRead, EngineWrite
    from botbottle.model.resources import ObservedImage


def destroy(
    ctx: Invocation,
    yes: Yes = False,
    allow: Allow = None,
    approve: Approve = "",
    json_: DoneJson = False,
    parallel: Parallel = 4,
    project: Project = "",
    images: Annotated[
        bool, Option("--images", help="Also remove bb's images that nothing uses.")
    ] = False,
) -> int:
    """Remove everything of this project from the engine; the ledger's history stays."""
    context = ctx.obj
    session = open_session(context, project=project)
    # What goes is what is there: a manifest that cannot be read keeps nothing alive.
    declared, _ = today(context, session)
    # One that is only out of reach is worth another try: what it does not hear of is not known.
    session.upgrades = True
    if refusal := read_or_without(session, declared, (LedgerCorrupt, LedgerTooNew)):
        told = f"{refusal}; what is there is removed without the ledger, and not recorded"
        context.err.write(visible(f"bb destroy: {told}") + "\n")
    run = Run(context, session, declared, "destroy", destroy=True)
    run = run.for_machines() if json_ else run
    # Naming the verb is the approval to destroy; what it shows is still asked about.
    consent = Consent(yes=yes, allow=(*(allow or ()), "destroy"), digest=approve)
    code = run.go(consent, Pace(parallel=parallel))
    if images:
        remove_images(context, connect(context.environ))
    list_images(context, session.engine)
    return code


def list_images(context: Context, engine: EngineRead) -> None:
    """Images are kept for reuse; say which, and how to drop them."""
    kept = sorted(tag for image in made_by_us(engine) for tag in image.tags)
    if kept:
        context.err.write("images kept for reuse (bb destroy --images removes the unused ones):\n")
        context.err.writelines(f"  {tag}\n" for tag in kept)


def made_by_us(engine: EngineRead) -> tuple[ObservedImage, ...]:
    """The images of bb's recipes, of all its versions and for all homes. What somebody builds on
    one of them has its labels, too, but not the name that goes with them."""
    from botbottle.images.recipe import REPOSITORY
    from botbottle.model import labels

    def ours(image: ObservedImage) -> bool:
        name = f"{REPOSITORY}/{image.labels.get(labels.PREFIX + 'image')}:"
        return bool(image.tags) and all(tag.startswith(name) for tag in image.tags)

    return tuple(image for image in engine.images(f"{labels.KIND}=image") if ours(image))


def remove_images(context: Context, engine: EngineWrite) -> None:
    """Remove those that no container is made of. The engine is the judge of that, and refuses: also
    one that is stopped, or somebody else's. What another image is built on goes with that one,
    and loses its name now. One with two names is left alone, as it would lose the first."""
    from botbottle.errors import Conflict

    for tag in sorted(t for i in made_by_us(engine) if len(i.tags) == 1 for t in i.tags):
        with suppress(Conflict):
            engine.remove_image(tag)
            context.err.write(f"removed the image {tag}\n")
