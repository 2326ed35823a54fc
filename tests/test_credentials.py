"""Values that the sidecar could not send are found out when a plan is made."""

from __future__ import annotations

import json

import pytest

from botbottle.credentials import Credentials, unsendable
from botbottle.model.route import AUTH_SCHEMES, Auth, Route
from botbottle.planner.plan import plan
from botbottle.sidecar.egress import auth as sidecar
from tests.support.worlds import FACTS, World, bottle, declared

VALUES = [
    "plain",
    "user:pass",
    "",
    "two\nlines",
    "tok3n\n",
    "tok3n\r\n",
    "nul\0",
    "ä",
    "…",
    "\udcff",
    "\n",
]


def route(scheme: str, secret: str = "TOKEN") -> Route:
    name = "x-key" if scheme in ("header", "query") else ""
    return Route(host="api.example", auth=Auth(scheme, secret, name))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("scheme", ["Bearer", "token", "basic", "header", "query"])
def test_it_is_said_of_exactly_what_the_sidecar_would_refuse_to_send(
    scheme: str, value: str
) -> None:
    auth = route(scheme).auth
    assert auth is not None
    try:
        sidecar.inject(sidecar.Signed((), ""), auth, value)
        sent = True
    except ValueError:
        sent = False
    why = unsendable(auth, value)
    assert bool(why) is not sent
    assert not why or ("TOKEN" in why and (not value.strip() or value.strip() not in why))


@pytest.mark.parametrize("scheme", AUTH_SCHEMES)
def test_a_variable_that_is_not_set_is_no_bad_value(scheme: str) -> None:
    assert Credentials({}).of([route(scheme)]) == ({}, {})


def test_the_line_break_at_the_end_is_told_apart() -> None:
    values, unusable = Credentials({"TOKEN": "abc\n"}).of([route("Bearer")])
    assert values == {} and "ends with a line break" in unusable["TOKEN"]


def test_a_login_has_lines_and_has_to_be_one() -> None:
    text = json.dumps({"claudeAiOauth": {"accessToken": "a"}}, indent=2) + "\n"
    assert Credentials({"TOKEN": text}).of([route("login")]) == ({"TOKEN": text}, {})
    values, unusable = Credentials({"TOKEN": "sk-ant-oat"}).of([route("oauth")])
    assert values == {} and "is no login" in unusable["TOKEN"]


def test_one_route_that_cannot_send_it_makes_it_unusable() -> None:
    found = Credentials({"TOKEN": "naïve…"}).of([route("basic"), route("Bearer")])
    assert found[0] == {} and list(found[1]) == ["TOKEN"]


def test_an_apply_is_stopped_by_it_before_its_first_write() -> None:
    why = "the value of ANTHROPIC_API_KEY ends with a line break; export it without"
    facts = FACTS.__class__(
        paths=FACTS.paths, sidecar_user=FACTS.sidecar_user, images=FACTS.images,
        bb_version=FACTS.bb_version, secrets={}, lacking={"ANTHROPIC_API_KEY": why},
    )  # fmt: skip
    world = World()
    made = plan(declared(bottle()), world.observed, world.view, facts)
    assert [(n.code, n.message) for n in made.notices] == [("BB290", why)]
