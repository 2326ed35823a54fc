"""Budget scopes of one bottle, most specific first, and the rule that projects only narrow.

launch → agent → own bottles (later first) → ancestors (depth-first, later parent first) →
global. Every bottle file is its own pool, shared by all that use or extend it.
"""

from __future__ import annotations

from collections.abc import Sequence

from botbottle.budget.limits import format_limit
from botbottle.load import findings
from botbottle.load.extends import Resolver
from botbottle.load.library import Library
from botbottle.load.parse import Agent
from botbottle.model.bottle import Limit, Scope, Window
from botbottle.model.diagnostic import Diagnostic
from botbottle.model.paths import account

# Windows that lie wholly inside a longer one (UTC calendar): a week may span two months.
_INSIDE: dict[Window, tuple[Window, ...]] = {
    "hour": ("hour", "day", "week", "month", ""),
    "day": ("day", "week", "month", ""),
    "week": ("week", ""),
    "month": ("month", ""),
    "": ("",),
}


def ancestry(own: Sequence[str], resolver: Resolver) -> tuple[str, ...]:
    """Own bottles, later first, then their ancestors, each once."""
    names = dict.fromkeys(reversed(own))
    for name in reversed(own):
        names |= dict.fromkeys(resolver.ancestors(name))
    return tuple(names)


def bottle_scopes(own: Sequence[str], resolver: Resolver) -> tuple[Scope, ...]:
    """Scopes of the bottle files."""
    found = []
    for name in ancestry(own, resolver):
        bottle = resolver.library.bottle(name)
        limits = bottle.budget if bottle else ()
        found.append(Scope("bottle" if name in own else "parent", f"bottle:{name}", limits))
    return tuple(found)


def all_scopes(
    agent: Agent, instance: str, own: Sequence[str], resolver: Resolver, launch: tuple[Limit, ...]
) -> tuple[Scope, ...]:
    """All scopes of one instance."""
    library = resolver.library
    project = library.layers.project_id.id
    found = [Scope("agent", f"agent:{account(project, agent.entry.name)}", agent.budget)]
    if launch:
        found.insert(0, Scope("launch", f"launch:{account(project, instance)}", launch))
    settings = library.settings
    return (
        *found,
        *bottle_scopes(own, resolver),
        Scope("global", "global", settings.budget if settings else ()),
    )


def widened(agent: Agent, own: Sequence[str], resolver: Resolver) -> list[Diagnostic]:
    """Errors where a project agent's budget would give more than home-level scopes do."""
    if agent.entry.layer != "project":
        return []
    home = (*bottle_scopes(own, resolver), *_global(resolver.library))
    found = []
    for limit in agent.budget:
        outer = next((s for s in home if any(x.provider == limit.provider for x in s.limits)), None)
        if outer and not all(
            _narrows(limit, x) for x in outer.limits if x.provider == limit.provider
        ):
            given = ", ".join(format_limit(x) for x in outer.limits if x.provider == limit.provider)
            found.append(
                findings.at(
                    agent.source,
                    agent.tree,
                    ("budget", limit.provider),
                    "BB2220",
                    f"{format_limit(limit)} is not within the {given} that {outer.key} gives",
                    "a project's agent can only narrow budgets; raise it at home, or use --budget",
                )
            )
    return found


def _global(library: Library) -> tuple[Scope, ...]:
    settings = library.settings
    return (Scope("global", "global", settings.budget),) if settings else ()


def _narrows(inner: Limit, outer: Limit) -> bool:
    """Whether holding ``inner`` implies holding ``outer``: not more tokens, in a period that
    wholly contains the outer one's."""
    return inner.tokens <= outer.tokens and inner.window in _INSIDE[outer.window]
