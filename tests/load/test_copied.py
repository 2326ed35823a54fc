"""No manifest hands the agent a credential that its sidecar holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.load import load
from tests.load.homes import write

KEYED = "agent_provider: {template: claude, auth_token: MY_KEY}"
ROUTED = (
    "agent_provider: {template: claude}\negress:\n  routes:\n    - host: api.example.com\n"
    "      auth: {scheme: Bearer, token_ref: MY_KEY}"
)


def codes(home: Path, bottle: str, **agents: str) -> list[str]:
    write(home, {"bottles/web": bottle, "agents/web": "bottle: web"} | agents)
    found = load(home, home)
    assert (found.declared is None) == bool(found.errors)
    return [d.code for d in found.errors]


@pytest.mark.parametrize("bottle", [KEYED, ROUTED])
@pytest.mark.parametrize("name", ["MY_KEY", "OTHER"])
def test_the_credential_of_a_route_is_not_copied_under_any_name(
    tmp_path: Path, bottle: str, name: str
) -> None:
    assert codes(tmp_path, bottle) == []
    assert codes(tmp_path, f"{bottle}\nenv: {{{name}: '${{MY_KEY}}'}}") == ["BB2134"]


def test_nor_is_that_of_another_bottle(tmp_path: Path) -> None:
    more = {"bottles/plain": "agent_provider: {template: claude}\nenv: {A: '${MY_KEY}'}",
            "agents/plain": "bottle: plain"}  # fmt: skip
    assert codes(tmp_path, KEYED, **more) == ["BB2134"]
    (found,) = load(tmp_path, tmp_path).errors
    assert found.origin.file == "bottles/plain.md" and found.origin.line == 3
    assert "$MY_KEY" in found.message and "web" in found.message


@pytest.mark.parametrize("env", ["A: '${ELSE}'", "A: '?key'", "MY_KEY: placeholder"])
def test_everything_else_is(tmp_path: Path, env: str) -> None:
    assert codes(tmp_path, f"{KEYED}\nenv: {{{env}}}") == []
