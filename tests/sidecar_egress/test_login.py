"""Forwarded logins (the scheme oauth): the access token is used while it is valid, never shown."""

from __future__ import annotations

import base64
import json
import time

import pytest

from botbottle.model.route import Auth
from botbottle.providers import login
from botbottle.sidecar.egress import auth
from tests.sidecar_egress.raw_client import code_of, exchange, get
from tests.sidecar_egress.rig import EXAMPLE, Rig


def claude(seconds: float) -> str:
    ends = int((time.time() + seconds) * 1000)
    return json.dumps({"claudeAiOauth": {"accessToken": "sk-ant-oat01-real", "expiresAt": ends}})


def codex(seconds: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + seconds}).encode()).rstrip(
        b"="
    )
    token = f"header.{claims.decode()}.signature"
    return json.dumps({"tokens": {"access_token": token, "account_id": "acct-1"}})


def test_a_claude_login_is_a_bearer_token() -> None:
    signed = auth.inject(auth.Signed((), ""), Auth("oauth", "S"), claude(600))
    assert signed.headers == ((b"authorization", b"Bearer sk-ant-oat01-real"),)


@pytest.mark.parametrize("token", ["a\r\nx-evil: 1", "a\0", "a\nb"])
def test_a_token_that_would_be_two_headers_is_refused_and_not_quoted(token: str) -> None:
    for document in (
        {"claudeAiOauth": {"accessToken": token}},
        {"tokens": {"access_token": "fine", "account_id": token}},
    ):
        with pytest.raises(ValueError, match="line break") as caught:
            auth.inject(auth.Signed((), ""), Auth("oauth", "S"), json.dumps(document))
        assert token not in str(caught.value)


def test_a_codex_login_brings_its_account() -> None:
    signed = auth.inject(auth.Signed((), ""), Auth("oauth", "S"), codex(600))
    assert dict(signed.headers)[b"chatgpt-account-id"] == b"acct-1"
    assert dict(signed.headers)[b"authorization"].startswith(b"Bearer header.")


@pytest.mark.parametrize("make", [claude, codex])
def test_an_expired_login_is_of_no_use(make: object) -> None:
    for seconds, ended in ((600, False), (-1, True), (5, True)):
        found = login.read(make(seconds))  # type: ignore[operator]
        assert found is not None and found.expired(time.time()) is ended


@pytest.mark.parametrize(
    "text", ["", "x", "[]", "{}", '{"tokens":[]}', '{"claudeAiOauth":{}}', "[" * 9999]
)
def test_anything_else_is_no_login(text: str) -> None:
    assert login.read(text) is None


def test_a_login_does_not_show_its_token() -> None:
    assert "real" not in repr(login.read(claude(600)))


def test_every_token_of_a_login_is_scrubbed() -> None:
    assert "sk-ant-oat01-real" in auth.material(Auth("oauth", "S"), claude(600))
    tokens = {"access_token": "a", "refresh_token": "r", "id_token": "i", "account_id": "public"}
    text = json.dumps({"tokens": tokens})
    assert set(auth.material(Auth("login", "S"), text)) == {"a", "r", "i"}


def test_an_expired_login_refuses_and_a_fresh_one_passes(rig: Rig) -> None:
    route = rig.route(EXAMPLE, auth=Auth("oauth", "L"))
    rig.configure(route, secrets={"L": claude(-1)})
    reply = exchange(rig, get())
    assert code_of(reply) == "login-expired"
    assert b"HTTP/1.1 403 " in reply
    assert b"runs `claude` once on the host, then bb apply" in reply
    assert rig.world.requests(0) == []
    rig.configure(route, secrets={"L": "no login"})
    assert code_of(exchange(rig, get())) == "missing-secret"
    rig.configure(route, secrets={"L": claude(600)})
    assert code_of(exchange(rig, get())) == ""
    (record,) = rig.world.requests()
    assert record["auth"]["authorization"] == "Bearer sk-ant-oat01-real"
