"""What of the operator's own login may leave its file: the access token, and no refresh token."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.providers import HOST_LOGINS, PROVIDERS, HostLogin, UnknownSetting, login, provider
from botbottle.providers.hostlogin import PREFIX, NoLogin, forwarded

CLAUDE, CODEX = HOST_LOGINS["BB_HOST_CLAUDE_LOGIN"], HOST_LOGINS["BB_HOST_CODEX_LOGIN"]
NAMES = st.sampled_from(
    ["claudeAiOauth", "tokens", "accessToken", "access_token", "refreshToken", "expiresAt",
     "account_id", "OPENAI_API_KEY"]
)  # fmt: skip
KEY = HOST_LOGINS["BB_HOST_CODEX_KEY"]
CLAUDE_FILE = {
    "claudeAiOauth": {
        "accessToken": "sk-ant-oat01-access",
        "refreshToken": "sk-ant-ort01-refresh",
        "expiresAt": 4102444800123,
        "scopes": ["user:inference"],
        "subscriptionType": "max",
    },
    "mcpOAuth": {"server": {"accessToken": "of-another-service"}},
}
CODEX_FILE = {
    "auth_mode": "chatgpt",
    "OPENAI_API_KEY": None,
    "tokens": {
        "id_token": "identity",
        "access_token": "access",
        "refresh_token": "refresh",
        "account_id": "acct-1",
    },
    "last_refresh": "2026-01-01T00:00:00Z",
}


def test_of_claudes_file_the_access_token_and_its_end_are_taken() -> None:
    taken = forwarded(CLAUDE, json.dumps(CLAUDE_FILE))
    kept = {"accessToken": "sk-ant-oat01-access", "expiresAt": 4102444800123}
    assert json.loads(taken) == {"claudeAiOauth": kept}


def test_of_codexs_file_the_access_token_and_the_account_are_taken() -> None:
    taken = forwarded(CODEX, json.dumps(CODEX_FILE))
    assert json.loads(taken) == {"tokens": {"access_token": "access", "account_id": "acct-1"}}
    assert login.account(taken) == "acct-1"


def test_a_codex_login_without_account_is_one() -> None:
    taken = forwarded(CODEX, json.dumps({"tokens": {"access_token": "access"}}))
    assert login.account(taken) == ""


def test_an_api_key_is_taken_only_where_one_was_asked_for() -> None:
    text = json.dumps({**CODEX_FILE, "OPENAI_API_KEY": "sk-key"})
    assert forwarded(KEY, text) == "sk-key"
    assert "sk-key" not in forwarded(CODEX, text)
    with pytest.raises(NoLogin, match="no API key"):
        forwarded(KEY, json.dumps(CODEX_FILE))
    with pytest.raises(NoLogin, match="credential: api-key") as caught:
        forwarded(CODEX, json.dumps({"OPENAI_API_KEY": "sk-key"}))
    assert "sk-key" not in str(caught.value)


@pytest.mark.parametrize("own", HOST_LOGINS.values(), ids=lambda own: own.secret)
@pytest.mark.parametrize(
    "text",
    ["", "SECRET", '"SECRET"', "[]", "{}", '{"tokens": "SECRET"}', "[" * 9999,
     '{"claudeAiOauth": {"accessToken": ""}}', '{"tokens": {"access_token": 5}}',
     '{"claudeAiOauth": {"refreshToken": "SECRET"}}', '{"OPENAI_API_KEY": ["SECRET"]}'],
)  # fmt: skip
def test_anything_else_is_no_login_and_is_not_quoted(own: HostLogin, text: str) -> None:
    with pytest.raises(NoLogin) as caught:
        forwarded(own, text)
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("token", ["a\nb", "a\r\nx: y", "a\0", "\ud800", "ü"])
def test_what_cannot_stand_in_a_header_is_no_token(token: str) -> None:
    files = {
        CLAUDE.secret: {"claudeAiOauth": {"accessToken": token}},
        CODEX.secret: {"tokens": {"access_token": token}},
        KEY.secret: {"OPENAI_API_KEY": token},
    }
    for name, document in files.items():
        with pytest.raises(NoLogin):
            forwarded(HOST_LOGINS[name], json.dumps(document))


@pytest.mark.parametrize("ends", [True, None, "1", [], -1, 10**400, float("inf"), float("nan")])
def test_an_end_that_is_no_time_is_not_known(ends: object) -> None:
    document = {"claudeAiOauth": {"accessToken": "a", "expiresAt": ends}}
    taken = login.read(forwarded(CLAUDE, json.dumps(document)))
    assert taken is not None and taken.expires <= 1
    claims = base64.urlsafe_b64encode(json.dumps({"exp": ends}).encode()).decode().rstrip("=")
    found = login.read(json.dumps({"tokens": {"access_token": f"h.{claims}.s"}}))
    assert found is not None and found.expires <= 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_whatever_the_file_holds_it_is_a_login_or_none(document: object) -> None:
    text = json.dumps(document)
    for own in HOST_LOGINS.values():
        try:
            taken = forwarded(own, text)
        except NoLogin:
            continue
        assert login.secrets_in(taken)
        assert "refresh" not in taken.lower()


def test_the_login_of_another_program_is_none() -> None:
    for own, text in ((CLAUDE, CODEX_FILE), (CODEX, CLAUDE_FILE)):
        with pytest.raises(NoLogin):
            forwarded(own, json.dumps(text))


@pytest.mark.parametrize("own", HOST_LOGINS.values(), ids=lambda own: own.secret)
def test_the_agent_gets_a_file_where_its_program_looks_with_placeholders_alone(
    own: HostLogin,
) -> None:
    placed = {f.path: f.content for f in own.credential.files}
    content = placed[f"{own.folder}/{own.file}"]
    assert own.credential.placeholder in content
    if own.credential.scheme == "oauth":
        found = login.read(content)
        assert found is not None and (found.program, found.token) == (
            own.program, own.credential.placeholder
        )  # fmt: skip
        assert "placeholder" in found.refresh
        assert not found.expired(4_000_000_000)


def test_the_id_token_of_codex_is_well_formed() -> None:
    (file,) = CODEX.credential.files
    token = json.loads(file.content)["tokens"]["id_token"]
    assert login._jwt_end(token) == 4102444800


def test_names_of_host_logins_are_their_own_and_differ() -> None:
    assert all(name.startswith(PREFIX) for name in HOST_LOGINS)
    assert len(HOST_LOGINS) == sum(len(p.host_logins) for p in PROVIDERS.values())
    variables = {v for p in PROVIDERS.values() for c in p.credentials for v in c.aliases}
    assert not variables & HOST_LOGINS.keys()


def test_what_cannot_be_forwarded_says_what_can() -> None:
    with pytest.raises(UnknownSetting) as caught:
        provider("claude").host_login({"credential": "api-key"})
    assert caught.value.known == ("oauth",)
    assert provider("codex").host_login({}).secret == CODEX.secret
    assert provider("codex").host_login({"credential": "api-key"}) == KEY


def test_credentials_become_texts_to_search_for() -> None:
    whole = json.dumps(CODEX_FILE)
    found = login.texts({"A": "plain", "B": whole})
    assert found == {"A": "plain", "B": "access", "B.1": "refresh", "B.2": "identity"}
