"""The agent's credentials never pass; the route's go where the scheme says and nowhere else."""

from __future__ import annotations

import base64

import pytest

from botbottle.model.route import Auth
from botbottle.sidecar.egress import auth
from botbottle.sidecar.egress.auth import Signed

AGENTS = (
    (b"Host", b"h"),
    (b"Authorization", b"Bearer mine"),
    (b"X-API-Key", b"mine"),
    (b"cookie", b"session=mine"),
    (b"Accept", b"*/*"),
)


CREDENTIALS = """
    Authorization Proxy-Authorization X-Authorization Authorization-Token
    X-Goog-Iam-Authorization-Token X-Ms-Authorization-Auxiliary Cookie Cookie2 X-Api-Key Api-Key
    ApiKey X-ApiKey X-Goog-Api-Key X-NuGet-ApiKey DD-API-KEY DD-APPLICATION-KEY Openai-Api-Key
    Anthropic-Api-Key X-Anthropic-Api-Key Ocp-Apim-Subscription-Key X-RapidAPI-Key Fastly-Key
    X-Functions-Key X-Auth-Key X-Auth-Email X-Auth-Token X-Access-Token X-Amz-Security-Token
    X-Github-Token Private-Token Job-Token Deploy-Token X-Vault-Token X-Figma-Token
    X-Shopify-Access-Token Circle-Token X-Api-Token X-Token Token Api-Token Access-Token
    Auth-Token X-Session-Token X-Consul-Token X-Plex-Token X-User-Token X-JFrog-Art-Api
    X-Registry-Auth X-Tableau-Auth X-Honeycomb-Team X-Client-Cert X-Api-Secret X_Api_Key
    x-password
"""
OTHERS = """
    Accept Accept-Encoding User-Agent Content-Type X-CSRF-Token X-XSRF-TOKEN Idempotency-Key
    Sec-WebSocket-Key X-MS-Continuation-Token X-Next-Token Anthropic-Version Anthropic-Beta
    ChatGPT-Account-Id OpenAI-Organization Originator Session_id X-Request-Id X-Codex-Turn-State
    X-Stainless-Lang X-Goog-Api-Client X-Amz-Target X-Amz-Date X-Author X-Tokens-Left
    If-None-Match X-Max-Tokens Npm-Auth-Type Author Key Public-Key-Pins X-GitHub-Api-Version
    Content-Location X-Atlassian-Token Lock-Token RequestVerificationToken requesttoken
    X-Anti-Forgery-Token X-MS-Session-Token X-Amzn-Client-Token X-Idempotency-Token
    X-Pagination-Token X-Resume-Token X-Upload-Token
"""


@pytest.mark.parametrize("name", CREDENTIALS.split())
def test_a_header_that_carries_a_credential_is_stripped(name: str) -> None:
    for spelt in (name, name.lower(), name.upper(), name.replace("-", "_")):
        field = (spelt.encode(), b"mine")
        assert auth.strip((field, (b"Accept", b"*/*")), "").headers == ((b"Accept", b"*/*"),)


@pytest.mark.parametrize("name", OTHERS.split())
def test_other_headers_stay(name: str) -> None:
    assert auth.strip(((name.encode(), b"x"),), "").headers == ((name.encode(), b"x"),)


def test_every_known_credential_header_is_stripped_and_others_stay() -> None:
    agents = (*AGENTS, *((name.title(), b"mine") for name in auth.STRIPPED))
    stripped = auth.strip(agents, "")
    assert stripped.headers == ((b"Host", b"h"), (b"Accept", b"*/*"))
    assert auth.strip(((b"x" * 70 + b"-Token", b"mine"),), "").headers == ()


@pytest.mark.parametrize("name", ["key", "token", "oauth_token", "$httpHeaders", "%24httpHeaders"])
def test_a_key_in_the_query_is_one_to_google(name: str) -> None:
    query = f"a=1&{name}=mine"
    for host in ("generativelanguage.googleapis.com", "googleapis.com"):
        assert auth.strip((), query, host).query == "a=1"
    general = name == "oauth_token"
    assert auth.strip((), query, "notgoogleapis.com").query == ("a=1" if general else query)


def test_what_opens_one_file_of_firebase_stays() -> None:
    query = "alt=media&token=3f1c&key=mine"
    found = auth.strip((), query, "firebasestorage.googleapis.com").query
    assert found == "alt=media&token=3f1c"


def test_credentials_in_the_query_are_stripped_and_the_rest_is_untouched() -> None:
    assert auth.strip((), "a=1&access_token=mine&b=%20&API_KEY=mine").query == "a=1&b=%20"
    assert auth.strip((), "a=1&&b").query == "a=1&&b"


@pytest.mark.parametrize(
    "name",
    [
        "api%5Fkey",
        "a%70i_key",
        "API%5fKEY",
        "api-key",
        "api.key",
        "api+key",
        "%20api_key",
        "api_key+",
        "api%00key",
        "api_key[]",
        "api_key%5B0%5D",
        "apikey",
        "access%2Dtoken",
    ],
)
@pytest.mark.parametrize(
    ("query", "rest"),
    [
        ("{}=mine", ""),
        ("a=1&{}=mine&b=2", "a=1&b=2"),
        ("a=1;{}=mine", "a=1"),
        ("{}=mine;b=2&c=3", "b=2&c=3"),
        ("&{}=mine&", "&"),
        ("{}", ""),
        ("{}=mine&{}=again", ""),
    ],
)
def test_no_spelling_of_a_credential_in_the_query_passes(name: str, query: str, rest: str) -> None:
    assert auth.strip((), query.replace("{}", name)).query == rest


@pytest.mark.parametrize(
    "query", ["my_api_key=1&a;b", "a=api_key", "x=access_token&y;", "apikeys=1"]
)
def test_what_only_looks_like_one_is_untouched(query: str) -> None:
    assert auth.strip((), query).query == query


@pytest.mark.parametrize("mine", ["key=mine", "k%65y=mine", "a=1;KEY=mine", "key[]=mine"])
def test_no_spelling_of_a_query_credential_stays_beside_the_real_one(mine: str) -> None:
    signed = auth.inject(Signed((), mine), Auth("query", "S", "key"), "real")
    assert "mine" not in signed.query and signed.query.endswith("key=real")


@pytest.mark.parametrize("name", ["_key", "auth[key]", "a.key", "KEY-1"])
def test_a_query_credential_of_any_name_replaces_the_agents_alone(name: str) -> None:
    sent = Signed((), f"{name}=mine&key=other&auth[x]=other")
    query = auth.inject(sent, Auth("query", "S", name), "real").query
    assert query.startswith("key=other&auth[x]=other&") and query.endswith("=real")


@pytest.mark.parametrize("mine", [b"x_custom_key", b"X-Custom_Key", b"X-CUSTOM-KEY"])
def test_no_spelling_of_a_header_stays_beside_the_real_one(mine: bytes) -> None:
    fields = ((mine, b"mine"), (b"x-custom-keys", b"other"))
    signed = auth.inject(Signed(fields, ""), Auth("header", "S", "x-custom-key"), "real")
    assert signed.headers == ((b"x-custom-keys", b"other"), (b"x-custom-key", b"real"))


def test_a_key_among_websocket_protocols_is_stripped() -> None:
    field = (b"Sec-WebSocket-Protocol", b"realtime, openai-insecure-api-key.sk-mine, v1")
    assert auth.strip((field,), "").headers == ((field[0], b"realtime, v1"),)
    alone = (b"Sec-WebSocket-Protocol", b"openai-insecure-api-key.sk-mine")
    assert auth.strip((alone,), "").headers == ()


@pytest.mark.parametrize(
    ("scheme", "name", "value", "header"),
    [
        ("Bearer", "", "real", (b"authorization", b"Bearer real")),
        ("token", "", "real", (b"authorization", b"token real")),
        ("basic", "", "u:p", (b"authorization", b"Basic " + base64.b64encode(b"u:p"))),
        ("basic", "", "t", (b"authorization", b"Basic " + base64.b64encode(b"x-access-token:t"))),
        ("header", "x-api-key", "real", (b"x-api-key", b"real")),
    ],
)
def test_schemes(scheme: str, name: str, value: str, header: tuple[bytes, bytes]) -> None:
    signed = auth.inject(auth.strip(AGENTS, ""), Auth(scheme, "S", name), value)  # type: ignore[arg-type]
    assert signed.headers == ((b"Host", b"h"), (b"Accept", b"*/*"), header)
    assert b"mine" not in b"".join(v for _, v in signed.headers)


def test_a_query_credential_replaces_the_agents() -> None:
    signed = auth.inject(Signed((), "key=mine&a=1"), Auth("query", "S", "key"), "re al&")
    assert signed.query == "a=1&key=re%20al%26"


def test_a_custom_header_of_the_agent_is_replaced_not_doubled() -> None:
    signed = auth.inject(
        Signed(((b"X-Custom", b"mine"),), ""), Auth("header", "S", "x-custom"), "r"
    )
    assert signed.headers == ((b"x-custom", b"r"),)


def test_a_value_that_would_start_another_header_cannot_be_used() -> None:
    with pytest.raises(ValueError, match="line break"):
        auth.inject(Signed((), ""), Auth("Bearer", "S"), "x\r\nevil: 1")


def test_material_covers_every_form_that_leaves() -> None:
    assert set(auth.material(Auth("basic", "S"), "u:password")) >= {"u:password", "password"}
    assert "pass:word" in auth.material(Auth("basic", "S"), "u:pass:word")
    assert set(auth.material(Auth("basic", "S"), "tok")) == {"tok", auth.basic("tok")}
    assert auth.material(Auth("Bearer", "S"), "tok") == ("tok",)
