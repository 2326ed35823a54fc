"""A bottle on the host's own login: shown as a new credential, kept when the login is away."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from botbottle.model import canonical
from botbottle.model.plan import CopyFiles, CreateContainer, Plan, PushConfig, Reach
from botbottle.planner.accounts import ACCOUNT
from botbottle.planner.facts import Facts
from botbottle.planner.reach import route_atoms
from botbottle.planner.wanted import routes
from tests.support.worlds import FACTS, World, bottle, declared

CLAUDE, CODEX = "BB_HOST_CLAUDE_LOGIN", "BB_HOST_CODEX_LOGIN"
PLAIN = bottle()
FORWARDED = bottle(forward_host_credentials=True)
CHATGPT = bottle(template="codex", forward_host_credentials=True)
WHY = "the login in FILE has expired: run `claude` once on this machine, then bb apply"


def facts(account: str = "acct-1", **changes: object) -> Facts:
    held = {**FACTS.secrets, CLAUDE: "cccccccc", CODEX: "dddddddd"}
    known = {CODEX: account} if account else {}
    return replace(FACTS, **{"secrets": held, "accounts": known, **changes})  # type: ignore[arg-type]


def away(why: str = WHY) -> Facts:
    """The login cannot be used now."""
    return facts("", secrets=FACTS.secrets, lacking={CLAUDE: why, CODEX: why})


def codes(made: Plan) -> set[str]:
    return {n.code for n in made.notices}


def test_switching_to_the_hosts_login_is_a_new_credential_and_widens() -> None:
    world = World()
    world.converge(declared(PLAIN), facts())
    made = world.plan(declared(FORWARDED), facts())
    (found,) = (n for n in made.notices if n.code == "BB307")
    assert found.needs == "widen" and "claude" in found.message
    gained = [c.text for c in made.reach if c.reach is Reach.WIDENS]
    assert gained and all(f"with {CLAUDE} (oauth)" in what for what in gained)


def test_a_bottle_that_uses_it_already_is_not_asked_about_again() -> None:
    world = World()
    world.converge(declared(FORWARDED), facts())
    assert world.plan(declared(FORWARDED), facts()).empty
    renewed = facts(secrets={**facts().secrets, CLAUDE: "eeeeeeee"})
    made = world.plan(declared(FORWARDED), renewed)
    assert [op.reason for op in made.ops] == ["secret-changed"], "a watch delivers it by itself"
    assert not made.needs and not made.reach
    (push,) = (op for op in made.ops if isinstance(op, PushConfig))
    assert push.secrets == ((CLAUDE, "eeeeeeee"),)
    assert "@eeeeeeee" in str(made.changes[0].fields)


def test_what_was_approved_once_is_not_asked_again_after_a_restart() -> None:
    reach = frozenset(a for r in routes(FORWARDED) for a in route_atoms(r))
    made = World().plan(declared(FORWARDED), facts(approved={"web": reach}))
    assert "BB307" not in codes(made)
    assert "BB307" in codes(World().plan(declared(FORWARDED), facts()))


def test_without_a_login_nothing_begins_and_the_reason_is_the_hosts() -> None:
    made = World().plan(declared(FORWARDED), away())
    assert {n.message for n in made.notices if n.code == "BB290"} == {WHY}
    assert not [
        op for op in made.ops if isinstance(op, CreateContainer) and op.spec.kind == "agent"
    ]


@pytest.mark.parametrize("spec", [FORWARDED, CHATGPT])
def test_a_running_bottle_keeps_going_when_the_login_ends_and_it_is_told(spec: object) -> None:
    world = World()
    world.converge(declared(spec), facts())  # type: ignore[arg-type]
    made = world.plan(declared(spec), away())  # type: ignore[arg-type]
    assert made.empty, "neither the agent nor its sidecar is touched"
    assert [(n.code, n.message, n.needs) for n in made.notices] == [("BB291", WHY, "")]


def agent_of(made: Plan) -> CreateContainer:
    (found,) = (o for o in made.ops if isinstance(o, CreateContainer) and o.spec.kind == "agent")
    return found


def test_codex_is_told_the_account_of_the_login_and_no_token() -> None:
    made = World().plan(declared(CHATGPT), facts("acct-7"))
    assert dict(agent_of(made).spec.env)[ACCOUNT] == "acct-7"
    (copied,) = (op for op in made.ops if isinstance(op, CopyFiles))
    (auth,) = (text for path, text in copied.texts if path.endswith(".codex/auth.json"))
    assert '"account_id": "acct-7"' in auth and "botbottle-placeholder-chatgpt" in auth


def test_an_odd_account_is_still_one_text_of_the_file() -> None:
    odd = '", "access_token": "x'
    made = World().plan(declared(CHATGPT), facts(odd))
    (copied,) = (op for op in made.ops if isinstance(op, CopyFiles))
    (auth,) = (text for path, text in copied.texts if path.endswith(".codex/auth.json"))
    assert json.loads(auth)["tokens"]["account_id"] == odd


def test_another_account_makes_another_agent() -> None:
    world = World()
    world.converge(declared(CHATGPT), facts("acct-7"))
    made = world.plan(declared(CHATGPT), facts("acct-8"))
    assert dict(agent_of(made).spec.env)[ACCOUNT] == "acct-8"


def test_an_agent_that_needs_no_account_is_told_none() -> None:
    for spec in (PLAIN, FORWARDED, bottle(template="codex")):
        made = World().plan(declared(spec), facts("acct-7"))
        assert ACCOUNT not in dict(agent_of(made).spec.env)
        assert "acct-7" not in canonical.canonical(made.ops)
