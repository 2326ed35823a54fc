"""``bb adopt``: take over the files of a container that bb did not make, or another home did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from botbottle.cli.common import known_bottles, load_declared, open_session
from botbottle.cli.consent import Consent
from botbottle.cli.options import Argument, Invocation, Option
from botbottle.cli.run import Run
from botbottle.cli.shared import Approve, Yes
from botbottle.errors import Exit, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from botbottle.model.bottle import Declared
    from botbottle.model.plan import Plan
    from botbottle.model.resources import ObservedContainer
    from botbottle.session import Session


def adopt(
    ctx: Invocation,
    bottle: Annotated[str, Argument(help="A declared bottle without an agent.")] = "",
    source: Annotated[str, Option("--from", help="Name or id of a stopped container.")] = "",
    yes: Yes = False,
    approve: Approve = "",
) -> int:
    """Copy the home and workspace of a stopped container into the volumes of a bottle.

    The container is only read: nothing of it is changed or removed. The next bb apply
    starts a new agent on the files. Without a bottle: list what could be taken over.
    """
    context = ctx.obj
    session = open_session(context)
    declared = load_declared(context, session)
    if not bottle:
        context.out.write(listing(candidates(session, declared)))
        return int(Exit.OK)
    (name,) = known_bottles(declared, [bottle])
    found = find(session, source, name)
    run = Adoption(context, session, declared, "adopt", (name,), approves=False, source=found.id)
    return run.go(Consent(yes=yes, digest=approve))


class Adoption(Run, frozen=True):
    """An apply of one plan: the copy. It approves no reach: that is asked by ``bb apply``."""

    source: str = ""  # id of a container

    def plan(self) -> Plan:
        from botbottle.planner.adopt import adopted_tag, adoption

        session, declared = self.session, self.declared
        facts = session.facts(declared)
        found = find(session, self.source, self.only[0])
        copied = session.engine.image_id(adopted_tag(self.only[0], found)) is not None
        observed = session.observe(declared, facts)
        view = session.view(declared)
        facts = session.with_snapshots(declared, facts, observed, view)
        return adoption(declared, observed, view, facts, self.only[0], found, under_way=copied)


def find(session: Session, source: str, bottle: str) -> ObservedContainer:
    """The container by name or id. Raises UsageError."""
    from botbottle.model.plan import Ref

    found = session.engine.container(Ref(source)) if source else None
    if found is None:
        what = f"there is no container {source!r}" if source else "it needs --from CONTAINER"
        raise UsageError(what, hint=f"bb adopt lists what {bottle} could take over")
    return found


def candidates(session: Session, declared: Declared) -> list[ObservedContainer]:
    """Agents of other projects of this home, and unlabelled containers that look like one."""
    from botbottle.planner.draft import owned

    observed = session.observe(declared, session.facts(declared))
    home_id, project = session.paths.home_id, declared.project.id
    return [c for c in observed.containers if is_agent(c) and not owned(c.labels, home_id, project)]


def is_agent(found: ObservedContainer) -> bool:
    """By its label where a home made it, else by its name: any other label may be its image's."""
    from botbottle.model import labels
    from botbottle.model.looks import look

    if labels.HOME in found.labels:
        return found.labels.get(labels.KIND) == "agent"
    named = look(found.name)
    return named is not None and named.role == "agent"


def listing(found: Iterable[ObservedContainer]) -> str:
    """One line each: name, id, state, whose it is."""
    lines = [f"{c.name}  {c.id[:12]}  {c.state}  {_owner(c)}\n" for c in found]
    if not lines:
        return "nothing to take over\n"
    return "".join(lines) + "take over: bb adopt BOTTLE --from NAME (a stopped container)\n"


def _owner(found: ObservedContainer) -> str:
    from botbottle.model import labels

    if labels.HOME not in found.labels:
        return "no label of bb"
    marks = found.labels
    return f"bottle {marks.get(labels.BOTTLE, '')} of project {marks.get(labels.PROJECT, '')}"
