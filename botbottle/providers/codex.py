"""Codex CLI.

With the options below it was observed to make exactly one POST per turn to one host. Without
them it also tries chatgpt.com, ab.chatgpt.com, api.github.com and github.com, and works when all
of these are refused. Its own sandbox is switched off: the bottle is the sandbox, and the
unprivileged user namespaces that Codex's own needs are denied in it.
"""

from __future__ import annotations

import base64
import json

from msgspec.structs import replace

from botbottle.providers.base import (
    ACCOUNT_PLACEHOLDER,
    Credential,
    File,
    Host,
    Launch,
    OptionalHost,
    Provider,
)
from botbottle.providers.hostlogin import HostLogin

API_KEY_PLACEHOLDER = "sk-proj-botbottle-placeholder"
FAR = 4102444800  # seconds since the epoch: 2100
TOKEN_PLACEHOLDER = "botbottle-placeholder-chatgpt"  # noqa: S105 - not a credential, on purpose

_QUIET = (
    "-c", "analytics.enabled=false",
    "-c", "check_for_update_on_startup=false",
    "-c", "features.plugins=false",
    "-c", "features.apps=false",
)  # fmt: skip
_FREE = ("--dangerously-bypass-approvals-and-sandbox",)
# The built-in provider cannot switch WebSockets off; an equal one of our own can.
_API_PROVIDER = (
    "-c", 'model_provider="bb"',
    "-c", 'model_providers.bb={name="bb",base_url="https://api.openai.com/v1",'
          'env_key="OPENAI_API_KEY",wire_api="responses",supports_websockets=false}',
)  # fmt: skip

API_KEY = Credential(
    kind="api-key",
    variable="OPENAI_API_KEY",
    scheme="Bearer",
    hosts=(Host("api.openai.com", paths=("/v1/responses", "/v1/models", "/v1/chat/completions")),),
    placeholder=API_KEY_PLACEHOLDER,
    env=(("OPENAI_API_KEY", API_KEY_PLACEHOLDER), ("CODEX_API_KEY", API_KEY_PLACEHOLDER)),
    files=(
        File(
            ".codex/auth.json",
            json.dumps({"auth_mode": "apikey", "OPENAI_API_KEY": API_KEY_PLACEHOLDER}),
        ),
    ),
    argv=_API_PROVIDER,
    aliases=("CODEX_API_KEY",),
)


def _jwt(claims: dict[str, object]) -> str:
    """A well-formed token (RFC 7519) that nobody signed."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    raw = [base64.urlsafe_b64encode(json.dumps(p, sort_keys=True).encode()) for p in parts]
    return ".".join((*(part.rstrip(b"=").decode() for part in raw), TOKEN_PLACEHOLDER))


def _auth() -> str:
    """``auth.json`` of a ChatGPT login, with nothing real in it but the account: the program
    compares that with what the provider answers."""
    tokens = {
        "access_token": TOKEN_PLACEHOLDER,
        "refresh_token": "botbottle-placeholder-refresh",
        "id_token": _jwt({"email": "agent@botbottle.invalid", "exp": FAR}),
        "account_id": ACCOUNT_PLACEHOLDER,
    }
    document = {"auth_mode": "chatgpt", "tokens": tokens, "last_refresh": "2100-01-01T00:00:00Z"}
    return json.dumps(document, sort_keys=True)


CHATGPT = Credential(
    kind="chatgpt",
    variable="CODEX_AUTH_JSON",
    scheme="oauth",
    hosts=(
        Host(
            "chatgpt.com",
            paths=("/backend-api/codex", "/backend-api/wham"),
        ),
    ),
    placeholder=TOKEN_PLACEHOLDER,
    files=(File(".codex/auth.json", _auth()),),
)
# The whole login of a ChatGPT account, which the sidecar renews: it must be the bottle's own.
LOGIN = replace(CHATGPT, kind="login", scheme="login", aliases=())

_HOST = HostLogin(
    program="codex",
    secret="BB_HOST_CODEX_LOGIN",  # noqa: S106 - a name
    credential=CHATGPT,
    folder=".codex",
    folder_variable="CODEX_HOME",
    file="auth.json",
)
# The operator's own logins: of the one the sidecar gets the access token alone.
HOST_LOGINS = (_HOST, replace(_HOST, secret="BB_HOST_CODEX_KEY", credential=API_KEY))  # noqa: S106

CODEX = Provider(
    name="codex",
    budget="codex",
    image="codex",
    program="codex",
    credentials=(API_KEY, CHATGPT, LOGIN),
    host_logins=HOST_LOGINS,
    launch=Launch(
        interactive=("codex", *_FREE, *_QUIET),
        headless=("codex", "exec", "--skip-git-repo-check", *_FREE, *_QUIET),
        options=(
            ("model", "*", ("--model", "{}")),
            ("output", "text", ()),
            ("output", "json", ("--json",)),
        ),
    ),
    prompt_path=".codex/AGENTS.md",
    skills_dir=".codex/skills",
    env=(),
    optional_hosts=(
        OptionalHost("chatgpt.com", "model list and plugins when logged in with an API key"),
        OptionalHost("ab.chatgpt.com", "telemetry"),
        OptionalHost("api.github.com", "update check"),
        OptionalHost("github.com", "update check"),
    ),
)
