"""Token endpoints: refresh tokens rotate, work once, and the answer can be foretold."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from tests.world import World
from tests.world.dialects.oauth import access_after, refresh_after

ASK = {"grant_type": "refresh_token", "refresh_token": "first", "client_id": "x"}


@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
@pytest.mark.parametrize("path", ["/v1/oauth/token", "/oauth/token"])
def test_a_refresh_token_works_once_and_is_replaced(
    world: World, plain: httpx.Client, path: str, form: bool
) -> None:
    old = f"first-{path}-{form}"

    def ask(token: str) -> httpx.Response:
        body: dict[str, Any] = ASK | {"refresh_token": token}
        return plain.post(path, data=body) if form else plain.post(path, json=body)

    answer = ask(old).json()
    assert answer["access_token"] == access_after(old)
    assert answer["refresh_token"] == refresh_after(old)
    assert answer["expires_in"] == 3600
    again = ask(old)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_grant"})
    assert ask(answer["refresh_token"]).status_code == 200
    assert [r["metered"] for r in world.requests()] == [False] * 3


def test_openai_adds_an_id_token_with_the_account(world: World, plain: httpx.Client) -> None:
    body = ASK | {"refresh_token": "for-openai"}
    answer = plain.post("/oauth/token", json=body, headers={"host": "auth.openai.com"}).json()
    claims = answer["id_token"].split(".")[1]
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert told["https://api.openai.com/auth"]["chatgpt_account_id"]


def test_other_grants_are_refused(world: World, plain: httpx.Client) -> None:
    assert plain.post("/oauth/token", json={"grant_type": "password"}).status_code == 400
