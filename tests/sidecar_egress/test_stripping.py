"""The agent's own credentials never pass, however they are spelt; what is none stays."""

from __future__ import annotations

import pytest

from botbottle.sidecar.egress.stripping import STRIPPED, strip

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
    x-password X-Insert-Key X-Query-Key X-License-Key X-Parse-Master-Key X-Master-Key X-Write-Key
    X-Api-Keys Authentication X-JWT CB-ACCESS-PASSPHRASE KC-API-PASSPHRASE Cf-Access-Jwt-Assertion
    X-Goog-Authenticated-User-Jwt X-Goog-Authenticated-User-Email Remote-User X-Remote-User
    X-Forwarded-User X-Forwarded-Email X-Forwarded-Preferred-Username X-Forwarded-Groups
    X-Auth-Request-User X-WebAuth-User Impersonate-User Impersonate-Group
    Impersonate-Extra-Scopes X-Forwarded-Client-Cert X-SSL-Client-Cert SSL-Client-Cert-Chain
    X-MS-CLIENT-PRINCIPAL-ID X-Amzn-Oidc-Data X-Remote-Group
"""
OTHERS = """
    Accept Accept-Encoding User-Agent Content-Type X-CSRF-Token X-XSRF-TOKEN Idempotency-Key
    Sec-WebSocket-Key X-MS-Continuation-Token X-Next-Token Anthropic-Version Anthropic-Beta
    ChatGPT-Account-Id OpenAI-Organization Originator Session_id X-Request-Id X-Codex-Turn-State
    X-Stainless-Lang X-Goog-Api-Client X-Amz-Target X-Amz-Date X-Author X-Tokens-Left
    If-None-Match X-Max-Tokens Npm-Auth-Type Author Key Public-Key-Pins X-GitHub-Api-Version
    Content-Location X-Atlassian-Token Lock-Token RequestVerificationToken requesttoken
    X-Anti-Forgery-Token X-MS-Session-Token X-Amzn-Client-Token X-Idempotency-Token
    X-Pagination-Token X-Resume-Token X-Upload-Token X-Forwarded-For X-Forwarded-Host
    X-Forwarded-Proto X-User-Agent X-Goog-User-Project X-Surrogate-Key X-Cache-Key
    X-Routing-Key X-Ms-Client-Request-Id X-Ms-Client-Session-Id User-Name X-Client-Name
"""


@pytest.mark.parametrize("name", CREDENTIALS.split())
def test_a_header_that_carries_a_credential_is_stripped(name: str) -> None:
    for spelt in (name, name.lower(), name.upper(), name.replace("-", "_")):
        field = (spelt.encode(), b"mine")
        assert strip((field, (b"Accept", b"*/*")), "").headers == ((b"Accept", b"*/*"),)


@pytest.mark.parametrize("name", OTHERS.split())
def test_other_headers_stay(name: str) -> None:
    assert strip(((name.encode(), b"x"),), "").headers == ((name.encode(), b"x"),)


def test_every_known_credential_header_is_stripped_and_others_stay() -> None:
    agents = (*AGENTS, *((name.title(), b"mine") for name in STRIPPED))
    stripped = strip(agents, "")
    assert stripped.headers == ((b"Host", b"h"), (b"Accept", b"*/*"))
    assert strip(((b"x" * 70 + b"-Token", b"mine"),), "").headers == ()


@pytest.mark.parametrize("name", ["key", "token", "oauth_token", "$httpHeaders", "%24httpHeaders"])
def test_a_key_in_the_query_is_one_to_google(name: str) -> None:
    query = f"a=1&{name}=mine"
    for host in ("generativelanguage.googleapis.com", "googleapis.com"):
        assert strip((), query, host).query == "a=1"
    general = name == "oauth_token"
    assert strip((), query, "notgoogleapis.com").query == ("a=1" if general else query)


def test_what_opens_one_file_of_firebase_stays() -> None:
    query = "alt=media&token=3f1c&key=mine"
    found = strip((), query, "firebasestorage.googleapis.com").query
    assert found == "alt=media&token=3f1c"


def test_credentials_in_the_query_are_stripped_and_the_rest_is_untouched() -> None:
    assert strip((), "a=1&access_token=mine&b=%20&API_KEY=mine").query == "a=1&b=%20"
    assert strip((), "a=1&&b").query == "a=1&&b"


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
        "accessToken",
        "AUTHTOKEN",
        "clientSecret",
        "x-api-key",
        "xApiKey",
        "subscription-key",
        "personal_access_token",
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
    assert strip((), query.replace("{}", name)).query == rest


@pytest.mark.parametrize(
    "query", ["my_api_key=1&a;b", "a=api_key", "x=access_token&y;", "apikeys=1", "sessiontoken=1"]
)
def test_what_only_looks_like_one_is_untouched(query: str) -> None:
    assert strip((), query).query == query


PROTOCOL = b"Sec-WebSocket-Protocol"
KEYS = (
    b"openai-insecure-api-key.sk-mine12345",
    b"OpenAI-Insecure-API-Key.sk-mine12345",
    b"base64url.bearer.authorization.k8s.io.bWluZTEyMzQ1Njc4",
    b"header-eyJ4LWFwaS1rZXkiOiJtaW5lIn0",
    b"xai-client-secret.mine12345",
    b"eyJhbGciOiJub25lIn0.eyJzdWIiOiJtaW5lIn0.",
    b"mine0123456789abcdef0123456789abcdef",
)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_among_websocket_protocols_is_stripped(key: bytes) -> None:
    for offered in (b"realtime, %b, v1", b"realtime,%b, v1"):
        found = strip(((PROTOCOL, offered % key),), "").headers
        assert [p.strip() for p in found[0][1].split(b",")] == [b"realtime", b"v1"]
    assert strip(((PROTOCOL, key),), "").headers == ()
    assert strip(((PROTOCOL.replace(b"-", b"_"), key),), "").headers == ()


@pytest.mark.parametrize(
    "offered",
    [
        b"graphql-transport-ws, graphql-ws",
        b"v5.channel.k8s.io, v4.base64.channel.k8s.io",
        b"realtime, openai-beta.realtime-v1, openai-organization.org-0aB1cD2eF3gH4iJ5kL6mN7oP",
        b"openai-project.proj_0aB1cD2eF3gH4iJ5kL6mN7oP",
        b"hotkeys.v1.protocol, mqtt, aws-iot-device-advisor-protocol-v1",
    ],
)
def test_names_of_websocket_protocols_stay_as_they_are(offered: bytes) -> None:
    assert strip(((PROTOCOL, offered),), "").headers == ((PROTOCOL, offered),)
