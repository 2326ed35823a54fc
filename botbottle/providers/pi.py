"""The pi coding agent.

Observed with the real program (1.5) behind a proxy: with ``PI_OFFLINE`` it makes exactly one
request per model call, to the provider's host, by the proxy variables, and none at start. It is
billed by the provider it talks to, so its tokens spend that provider's budget. Which one that is
follows from the key it finds.
"""

from __future__ import annotations

from botbottle.providers.base import Credential, Host, Launch, OptionalHost, Provider

ANTHROPIC_PLACEHOLDER = "sk-ant-api03-botbottle-placeholder"
OPENAI_PLACEHOLDER = "sk-proj-botbottle-placeholder"

API_KEY = Credential(
    kind="api-key",
    variable="ANTHROPIC_API_KEY",
    scheme="header",
    header="x-api-key",
    hosts=(Host("api.anthropic.com", paths=("/v1/messages", "/v1/models")),),
    placeholder=ANTHROPIC_PLACEHOLDER,
    env=(("ANTHROPIC_API_KEY", ANTHROPIC_PLACEHOLDER),),
)
OPENAI = Credential(
    kind="openai",
    variable="OPENAI_API_KEY",
    scheme="Bearer",
    hosts=(Host("api.openai.com", paths=("/v1/responses", "/v1/models", "/v1/chat/completions")),),
    placeholder=OPENAI_PLACEHOLDER,
    env=(("OPENAI_API_KEY", OPENAI_PLACEHOLDER),),
    budget="codex",
)

PI = Provider(
    name="pi",
    budget="claude",
    image="pi",
    program="pi",
    credentials=(API_KEY, OPENAI),
    # The bottle is the sandbox: what a project brings for pi is loaded without a question.
    launch=Launch(
        interactive=("pi", "--approve"),
        headless=("pi", "--approve", "--print"),
        options=(
            ("model", "*", ("--model", "{}")),
            ("output", "text", ()),
            ("output", "json", ("--mode", "json")),
            ("thinking", "*", ("--thinking", "{}")),
        ),
    ),
    prompt_path=".pi/agent/AGENTS.md",
    skills_dir=".pi/agent/skills",
    env=(("PI_OFFLINE", "1"), ("PI_SKIP_VERSION_CHECK", "1"), ("PI_TELEMETRY", "0")),
    optional_hosts=(OptionalHost("pi.dev", "update check and install telemetry"),),
)
