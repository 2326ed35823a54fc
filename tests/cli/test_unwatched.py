"""An apply says when a policy needs a watch and none is alive."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.cli.unwatched import unwatched, warning
from botbottle.model.bottle import Scope
from tests.support.worlds import World, bottle, declared


@pytest.mark.parametrize(
    ("policy", "found"), [("cutoff", ()), ("freeze", ("web (freeze)",)), ("kill", ("web (kill)",))]
)
def test_only_what_the_sidecar_cannot_do_alone_is_named(
    policy: str, found: tuple[str, ...]
) -> None:
    want = declared(bottle(shutdown=policy))
    world = World()
    world.converge(want)
    assert unwatched(want, world.view) == found
    assert ("bb watch" in warning(found)) == bool(found)


def test_a_living_watch_is_enough() -> None:
    want = declared(bottle(shutdown="kill"))
    world = World()
    world.converge(want)
    assert unwatched(want, replace(world.view, watch_alive=True)) == ()


def test_without_a_budget_nothing_can_be_used_up() -> None:
    want = declared(bottle(shutdown="kill", scopes=(Scope("global", "global"),)))
    world = World()
    world.converge(want)
    assert unwatched(want, world.view) == ()
