"""Changed limits, each with the place where that very scope's limit is written."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Limit, Scope
from botbottle.model.diagnostic import Origin
from tests.support.worlds import World, bottle, declared

AGENT = Origin("agents/web.md", 5, 3, "home")
BOTTLE = Origin("bottles/dev.md", 7, 3, "home")
PARENT = Origin("bottles/base.md", 9, 3, "home")
SETTINGS = Origin("settings.yml", 2, 3, "settings")


def scopes(*tokens: int) -> tuple[Scope, ...]:
    names: tuple[tuple[Any, str], ...] = (
        ("agent", "agent:proj-1/web"), ("bottle", "bottle:dev"),
        ("parent", "bottle:base"), ("global", "global"),
    )  # fmt: skip
    return tuple(
        Scope(kind, key, (Limit("claude", n, "day"),))
        for (kind, key), n in zip(names, tokens, strict=True)
    )


@pytest.mark.parametrize(
    ("now", "key", "places"),
    [
        ((9, 2, 3, 4), "agent:proj-1/web", (AGENT,)),
        ((1, 9, 3, 4), "bottle:dev", (BOTTLE,)),
        ((1, 2, 9, 4), "bottle:base", (PARENT,)),
        ((1, 2, 3, 9), "global", (SETTINGS,)),
    ],
)
def test_a_changed_limit_names_the_file_of_its_own_scope(
    now: tuple[int, ...], key: str, places: tuple[Origin, ...]
) -> None:
    world = World()
    world.converge(declared(bottle("web", scopes=scopes(1, 2, 3, 4))))
    leaf = {"budget.claude": (AGENT, BOTTLE, PARENT, SETTINGS)}
    written = {"budget.claude": (SETTINGS,)}
    made = world.plan(declared(bottle("web", scopes=scopes(*now), origins=leaf), origins=written))
    (change,) = (c for c in made.changes if c.resource == "web/account")
    (field,) = change.fields
    assert field.path == f"{key} budget.claude/day" and field.origins == places


@pytest.mark.parametrize("stood_for", [2, None])
def test_what_an_operator_has_set_is_no_change_of_the_manifests(stood_for: int | None) -> None:
    """It wins before and after: beside another edit it looked like a cut of itself."""
    world = World()
    world.converge(declared(bottle("web", scopes=scopes(1, 2, 3, 4))))
    pools = tuple(
        replace(p, limit=6_000_000, override=True, declared=stood_for)
        if p.scope == "bottle:dev" else p
        for p in world.view.pools
    )  # fmt: skip
    world.view = replace(world.view, pools=pools)
    made = world.plan(declared(bottle("web", scopes=scopes(9, 2, 3, 4))))
    (change,) = (c for c in made.changes if c.resource == "web/account")
    shown = {f.path: (f.old, f.new) for f in change.fields}
    own = {"bottle:dev budget.claude/day": ("", "2")} if stood_for is None else {}
    assert shown == {"agent:proj-1/web budget.claude/day": ("1", "9")} | own
