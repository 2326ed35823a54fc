"""What is told, and that it is told once."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import HoldRecord
from botbottle.watch.notify import BURST, Moment, Notice, notices, reached
from tests.support.worlds import World, bottle, declared

KEY = "proj-1/web"
NOTHING: frozenset[str] = frozenset()


@pytest.fixture
def world() -> World:
    made = World()
    made.converge(declared())
    return made


def told(world: World, already: frozenset[str] = NOTHING, **more: object) -> list[Notice]:
    found, _ = notices(declared(), Moment(world.view, **more), already)  # type: ignore[arg-type]
    return list(found)


@pytest.mark.parametrize(
    ("spent", "level"), [(0, None), (799, None), (800, 80), (949, 80), (950, 95), (999, 95)]
)
def test_a_pool_is_announced_at_its_levels(world: World, spent: int, level: int | None) -> None:
    world.spend("web", spent)
    found = told(world)
    assert [n.key.rpartition(":")[2] for n in found] == ([str(level)] if level else [])


def test_a_used_up_pool_and_the_hold_it_causes_are_both_told(world: World) -> None:
    world.spend("web", 1000)
    assert [n.kind for n in told(world)] == ["budget", "hold"]
    assert "100 %" in told(world)[0].text
    assert {n.next for n in told(world)} == {"bb budget set agent:proj-1/web claude TOKENS"}


def test_nothing_is_told_twice_while_it_lasts_and_again_when_it_returns(world: World) -> None:
    want: Declared = declared()
    world.spend("web", 800)
    first, keys = notices(want, Moment(world.view), NOTHING)
    again, keys = notices(want, Moment(world.view), keys)
    assert (len(first), again) == (1, ())
    world.spend("web", 150)
    higher, keys = notices(want, Moment(world.view), keys)
    assert [n.key.rpartition(":")[2] for n in higher] == ["95"]
    world.spend("web", -900)
    _, keys = notices(want, Moment(world.view), keys)
    assert keys == NOTHING
    world.spend("web", 800)
    assert len(notices(want, Moment(world.view), keys)[0]) == 1


def test_a_pool_that_governs_nobody_is_not_told(world: World) -> None:
    pools = tuple(replace(p, scope="agent:proj-1/other", spent=1000) for p in world.view.pools)
    world.view = replace(world.view, pools=pools)
    assert told(world) == []


def test_each_order_is_told(world: World) -> None:
    hold = HoldRecord(KEY, "cutoff", "operator", "looks odd", "op:1", 1.0)
    world.view = replace(world.view, holds={KEY: hold})
    (notice,) = told(world)
    assert notice.kind == "hold" and "looks odd" in notice.text and notice.next == "bb release web"


def test_a_burst_of_denials_is_told_and_a_few_are_not(world: World) -> None:
    assert told(world, denials={KEY: BURST - 1}) == []
    assert [n.kind for n in told(world, denials={KEY: BURST})] == ["denials"]
    assert told(world, denials={"proj-2/web": 500}) == [], "another project's"


def test_a_pending_proposal_is_told(world: World) -> None:
    (notice,) = told(world, proposals=(("p1", KEY, "route"),))
    assert notice.kind == "proposal" and notice.next == "bb proposals"
    assert told(world, proposals=(("p1", "proj-2/web", "route"),)) == []


def test_an_alarm_is_told_with_where_to_look(world: World) -> None:
    (found,) = told(world, alarms={(KEY, "estimated"): "usage could only be estimated"})
    assert (found.kind, found.subject, found.next) == ("alarm", "web", "bb findings web")
    assert "could only be estimated" in found.text
    assert told(world, alarms={("proj-2/web", "estimated"): "another project's"}) == []


def test_levels_are_whole_numbers(world: World) -> None:
    (pool,) = (p for p in world.view.pools if p.scope.startswith("agent"))
    assert reached(replace(pool, limit=3, spent=3), 100)
    assert not reached(replace(pool, limit=10**18, spent=10**18 - 1), 100)


def test_what_is_sent_is_plain_json() -> None:
    bottle("web")
    wire = Notice("k", "hold", "web", "text", "bb release web").wire(5.0)
    assert wire == {
        "format_version": "1.0", "at": 5.0, "kind": "hold", "subject": "web", "text": "text",
        "next": "bb release web",
    }  # fmt: skip
