"""Claude Code.

Hosts, variables and the effect of each were observed with the real program behind a proxy: with
``CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC`` it needs one host and works when its optional paths
are refused.
"""

from __future__ import annotations

import json

from msgspec.structs import replace

from botbottle.providers.base import (
    AGENT_HOME,
    WORKSPACE,
    Credential,
    File,
    Host,
    Launch,
    OptionalHost,
    Provider,
)
from botbottle.providers.hostlogin import HostLogin

PLACEHOLDER_END = 4102444800000  # ms since the epoch: 2100; the program never renews it
API_KEY_PLACEHOLDER = "sk-ant-api03-botbottle-placeholder"
OAUTH_PLACEHOLDER = "sk-ant-oat01-botbottle-placeholder"

# Telemetry and evaluation paths are left out: the program works without them.
_API = Host(
    "api.anthropic.com",
    paths=(
        "/v1/messages",
        "/v1/models",
        "/api/hello",
        "/api/claude_code",
        "/api/claude_cli",
        "/api/oauth/profile",
        "/api/oauth/claude_cli",
        "/api/oauth/usage",
    ),
)


def _first_run(placeholder: str) -> str:
    """Answers to the questions of a first start, so that the program goes straight to work.

    Claude Code remembers an accepted API key by its last 20 characters.
    """
    state = {
        "hasCompletedOnboarding": True,
        "bypassPermissionsModeAccepted": True,
        "customApiKeyResponses": {"approved": [placeholder[-20:]], "rejected": []},
        "projects": {
            path: {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
            for path in (WORKSPACE, AGENT_HOME)
        },
    }
    return json.dumps(state, sort_keys=True)


API_KEY = Credential(
    kind="api-key",
    variable="ANTHROPIC_API_KEY",
    scheme="header",
    header="x-api-key",
    hosts=(_API,),
    placeholder=API_KEY_PLACEHOLDER,
    env=(("ANTHROPIC_API_KEY", API_KEY_PLACEHOLDER),),
    files=(File(".claude.json", _first_run(API_KEY_PLACEHOLDER)),),
)
OAUTH = Credential(
    kind="oauth",
    variable="CLAUDE_CODE_OAUTH_TOKEN",
    scheme="Bearer",
    hosts=(_API,),
    placeholder=OAUTH_PLACEHOLDER,
    env=(("CLAUDE_CODE_OAUTH_TOKEN", OAUTH_PLACEHOLDER),),
    files=(File(".claude.json", _first_run(OAUTH_PLACEHOLDER)),),
    aliases=("ANTHROPIC_AUTH_TOKEN",),
)
# The whole login of a Claude subscription, which the sidecar renews: it must be the bottle's own.
LOGIN = replace(OAUTH, kind="login", variable="CLAUDE_CREDENTIALS_JSON", scheme="login", aliases=())


def _credentials() -> str:
    """``.credentials.json`` as the program writes it, with nothing real in it."""
    kept = {
        "accessToken": OAUTH_PLACEHOLDER,
        "refreshToken": "botbottle-placeholder-refresh",
        "expiresAt": PLACEHOLDER_END,
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": None,
    }
    return json.dumps({"claudeAiOauth": kept}, sort_keys=True)


# The operator's own login, of which the sidecar gets the access token alone.
HOST = HostLogin(
    program="claude",
    secret="BB_HOST_CLAUDE_LOGIN",  # noqa: S106 - a name
    credential=replace(
        OAUTH,
        scheme="oauth",
        env=(),
        files=(*OAUTH.files, File(".claude/.credentials.json", _credentials())),
    ),
    folder=".claude",
    folder_variable="CLAUDE_CONFIG_DIR",
    file=".credentials.json",
    variable="CLAUDE_CODE_OAUTH_TOKEN",
)

CLAUDE = Provider(
    name="claude",
    budget="claude",
    image="claude",
    program="claude",
    credentials=(API_KEY, OAUTH, LOGIN),
    host_logins=(HOST,),
    launch=Launch(
        interactive=("claude", "--dangerously-skip-permissions"),
        headless=("claude", "--dangerously-skip-permissions", "--print"),
        options=(
            ("model", "*", ("--model", "{}")),
            ("output", "text", ()),
            ("output", "json", ("--output-format", "json")),
            ("max_turns", "*", ("--max-turns", "{}")),
        ),
    ),
    prompt_path=".claude/CLAUDE.md",
    skills_dir=".claude/skills",
    env=(
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        # A refused stream must not be sent a second time as one buffered request.
        ("CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK", "1"),
        # The bottle is the sandbox; the program asks for this before it skips its questions.
        ("IS_SANDBOX", "1"),
    ),
    optional_hosts=(
        OptionalHost("statsig.anthropic.com", "feature flags"),
        OptionalHost("mcp-proxy.anthropic.com", "hosted MCP connectors"),
        OptionalHost("downloads.claude.ai", "self-update"),
    ),
)
