"""Finding one running bottle by name, reading only what it needs."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from msgspec import Struct

from botbottle.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botbottle.cli.context import Context
    from botbottle.control import SidecarClient
    from botbottle.engine.reader import DockerReader
    from botbottle.model.bottle import BottleSpec
    from botbottle.model.paths import BottlePaths
    from botbottle.planner.names import Names


class Instance(Struct, frozen=True):
    """A declared bottle with its engine names and paths."""

    spec: BottleSpec
    names: Names
    paths: BottlePaths


def find(context: Context, name: str) -> Instance:
    """The bottle ``name``; an unrelated broken manifest does not matter. Raises UsageError."""
    from botbottle.cli.common import show_diagnostics
    from botbottle.load import load_one
    from botbottle.load import names as known
    from botbottle.model.paths import HomePaths
    from botbottle.planner.names import names
    from botbottle.session import declared_or_raise

    loaded = load_one(name, context.home, context.cwd)
    if loaded.errors:
        show_diagnostics(context, loaded)
    declared = declared_or_raise(loaded)
    spec = next((b for b in declared.bottles if b.name == name), None)
    if spec is None:
        from botbottle.cli.common import unknown

        raise unknown(name, known(context.home, context.cwd), "agent", "bb list shows the names")
    home = HomePaths(str(context.home))
    called = names(home.home_id, spec.project, spec.name)
    return Instance(spec, called, home.bottle(spec.project, spec.name))


@contextlib.contextmanager
def sidecar_of(instance: Instance) -> Iterator[SidecarClient]:
    """A connection to the bottle's egress sidecar. Raises SidecarUnreachable with the way out."""
    from botbottle.control import SidecarUnreachable, connect

    try:
        client = connect(instance.paths.control)
    except SidecarUnreachable as error:
        name = instance.spec.name
        raise SidecarUnreachable(
            f"the egress sidecar of {name} does not answer",
            hint=f"bb status says whether {name} runs; bb apply starts it",
        ) from error
    with client:
        yield client


def require_running(engine: DockerReader, instance: Instance) -> str:
    """Id of the running agent container. Raises Refused with the way to start it."""
    from botbottle.model.plan import Ref

    found = engine.container(Ref(instance.names.agent))
    if found is None or found.state != "running":
        state = found.state if found else "absent"
        raise Refused(
            f"{instance.spec.name} is not running ({state})",
            code="BB7008",
            hint="bb apply starts it; bb status says what holds it back",
        )
    return found.id
