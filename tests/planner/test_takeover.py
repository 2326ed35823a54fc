"""A removed route gives its requests to the next one: what they gain by that is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from botbottle.model.plan import Reach
from botbottle.model.route import Auth, Dlp, HeaderMatch, Match, PathMatch, Route
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.reach import delta, weakened_dlp, weaker
from botbottle.planner.takeover import takeovers
from botbottle.sidecar.egress.match import Query, RouteIndex
from botbottle.watch.select import allowed
from tests.support.worlds import FACTS, World, bottle, declared

HOST = "api.example.com"
TOKEN = Auth("Bearer", "TOKEN")
BLOCK, REDACT = Dlp(outbound_on_match="block"), Dlp(outbound_on_match="redact")


def at(path: str, kind: str = "prefix", **fields: object) -> Route:
    match = Match((PathMatch(kind, path),))  # type: ignore[arg-type]
    return Route(HOST, matches=(match,), **fields)  # type: ignore[arg-type]


def gains(old: tuple[Route, ...], new: tuple[Route, ...]) -> list[str]:
    found = delta("web", SidecarConfig("web", old), SidecarConfig("web", new))
    return [change.text for change in found if change.reach is Reach.WIDENS]


def weakens(old: tuple[Route, ...], new: tuple[Route, ...]) -> tuple[str, ...]:
    return weakened_dlp(SidecarConfig("web", old), SidecarConfig("web", new))


STRICT = at("/upload", dlp=BLOCK)
LAX = Route(HOST, auth=TOKEN, dlp=REDACT)
WIDE = Route("*.example.com", auth=TOKEN, dlp=REDACT)


@pytest.mark.parametrize("lax", [LAX, WIDE])
def test_a_strict_route_in_front_of_a_lax_one_is_not_removed_unasked(lax: Route) -> None:
    gained = f"{HOST} any method /upload/* with TOKEN (Bearer), which another route served"
    assert gains((STRICT, lax), (lax,)) == [gained]
    assert weakens((STRICT, lax), (lax,)) == (HOST,)
    world = World()
    facts = replace(FACTS, secrets={**FACTS.secrets, "TOKEN": "cccccccc"})
    world.converge(declared(bottle(routes=(STRICT, lax))), facts)
    made = world.plan(declared(bottle(routes=(lax,))), facts)
    assert made.needs == ("widen",) and {n.code for n in made.notices} == {"BB301", "BB302"}
    assert allowed(made, "safe").ops == ()


def test_so_while_its_sidecar_knows_no_configuration() -> None:
    before, after = (SidecarConfig("web", r) for r in ((STRICT, LAX), (LAX,)))
    approved = frozenset(c.text for c in delta("web", None, before))
    found = delta("web", None, after, approved, served=before)
    assert [c.text for c in found if c.reach is Reach.WIDENS] == gains((STRICT, LAX), (LAX,))
    same = delta("web", None, before, approved, served=before)
    assert same and all(c.reach is Reach.NEUTRAL for c in same), "the control"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((STRICT, LAX), (STRICT,)),
        ((Route(HOST, dlp=BLOCK), at("/v1", auth=TOKEN)), (at("/v1", auth=TOKEN),)),
        ((STRICT, at("/other", auth=TOKEN)), (at("/other", auth=TOKEN),)),
        ((STRICT, at("/uploads", auth=TOKEN)), (at("/uploads", auth=TOKEN),)),
        ((STRICT, Route(HOST, 8443, auth=TOKEN)), (Route(HOST, 8443, auth=TOKEN),)),
        ((STRICT, LAX), (LAX, STRICT)),
    ],
    ids=["lax removed", "behind", "elsewhere", "other segment", "other port", "order"],
)
def test_what_takes_nothing_over_is_no_gain(old: tuple[Route, ...], new: tuple[Route, ...]) -> None:
    assert gains(old, new) == [] and weakens(old, new) == ()


def test_a_new_route_is_its_own_gain_and_no_other() -> None:
    old, new = Route(HOST), at("/v1", auth=TOKEN)
    assert gains((old,), (new,)) == [f"{HOST} any method /v1/* with TOKEN (Bearer)"]


PATH = st.sampled_from(("/", "/a", "/a/b", "/ab"))
RULE = st.builds(PathMatch, st.sampled_from(("exact", "prefix")), PATH) | st.just(
    PathMatch("regex", "/a.*")
)
HEADER = st.builds(HeaderMatch, st.just("x"), st.sampled_from(("1", "2")))
MATCH = st.builds(
    Match,
    st.lists(RULE, max_size=2).map(tuple),
    st.sampled_from(((), ("GET",), ("GET", "PUT"))),
    st.lists(HEADER, max_size=1).map(tuple),
)
ROUTE = st.builds(
    Route,
    host=st.sampled_from((HOST, "*.example.com", "*.com")),
    auth=st.sampled_from((None, TOKEN, Auth("Bearer", "OTHER"))),
    matches=st.lists(MATCH, max_size=2).map(tuple),
    dlp=st.sampled_from((Dlp(), BLOCK, REDACT)),
    provider=st.sampled_from(("", "", "claude")),
)
ROUTES = st.lists(ROUTE, min_size=1, max_size=4)
QUERIES = [
    Query(HOST, 443, (method,), path, headers)
    for method in ("GET", "PUT")
    for path in ("/", "/a", "/a/b", "/ab", "/a/b/c")
    for headers in ({}, {"x": "1"}, {"x": "2"})
]


@given(ROUTES, st.data())
def test_whatever_is_edited_no_request_gains_a_credential_or_loses_protection_untold(
    old: list[Route], data: st.DataObject
) -> None:
    """The sidecar's own index judges."""
    kept = data.draw(st.lists(st.sampled_from(old), unique=True, max_size=4))
    new = [*kept, *data.draw(st.lists(ROUTE, max_size=1))]
    before, after = RouteIndex(old), RouteIndex(new)
    told, weak = gains(tuple(old), tuple(new)), weakens(tuple(old), tuple(new))
    for query in QUERIES:
        was, now = before.find(query), after.find(query)
        if was is None or now is None:
            continue
        if now.auth not in (None, was.auth):
            assert told, (query, was, now)
        if weaker(was.dlp, now.dlp):
            assert weak, (query, was, now)


@given(ROUTES)
def test_the_same_routes_take_nothing_over(routes: list[Route]) -> None:
    assert list(takeovers(routes, list(routes))) == []
