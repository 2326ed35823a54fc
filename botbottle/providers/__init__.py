"""Agent programs that bb can run: pure data, one file a provider.

``provider(name)`` is the registry. What a provider gives the planner::

    p = provider("claude")
    credential = p.credential(bottle.auth_token, settings)
    secret = bottle.auth_token or credential.variable
    credential.routes(secret, p.budget)       # routes, before the bottle's own
    credential.placeholders(secret)           # SidecarConfig.placeholders
    agent_env(p, credential, "egress", ["supervise"])
    p.argv("headless", credential, settings, task)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from botbottle.providers.base import (
    ACCOUNT_PLACEHOLDER,
    AGENT_HOME,
    WORKSPACE,
    Credential,
    File,
    Host,
    Launch,
    OptionalHost,
    Provider,
    UnknownSetting,
)
from botbottle.providers.claude import CLAUDE
from botbottle.providers.codex import CODEX
from botbottle.providers.environment import (
    BUNDLE_FILE,
    CA_FILE,
    PROXY_PORT,
    TRUST_DIR,
    ca_env,
    placeholder,
    proxy_env,
)
from botbottle.providers.hostlogin import HostLogin
from botbottle.providers.pi import PI

__all__ = [
    "ACCOUNT_PLACEHOLDER",
    "AGENT_HOME",
    "BUNDLE_FILE",
    "CA_FILE",
    "HOST_LOGINS",
    "PROVIDERS",
    "PROXY_PORT",
    "TRUST_DIR",
    "WORKSPACE",
    "Credential",
    "File",
    "Host",
    "HostLogin",
    "Launch",
    "OptionalHost",
    "Provider",
    "UnknownSetting",
    "agent_env",
    "ca_env",
    "placeholder",
    "provider",
    "proxy_env",
]

PROVIDERS: Mapping[str, Provider] = {p.name: p for p in (CLAUDE, CODEX, PI)}
HOST_LOGINS: Mapping[str, HostLogin] = {
    h.secret: h for p in PROVIDERS.values() for h in p.host_logins
}


def provider(name: str) -> Provider:
    """The provider of a template. Raises KeyError, whose text lists the known names."""
    if name not in PROVIDERS:
        raise KeyError(f"no provider {name!r}; known: {', '.join(sorted(PROVIDERS))}")
    return PROVIDERS[name]


def agent_env(
    chosen: Provider, credential: Credential, proxy_host: str, no_proxy: Sequence[str] = ()
) -> tuple[tuple[str, str], ...]:
    """All variables of the agent container that come from bb, sorted by name, no secrets.

    ``proxy_host`` is the name or address of the egress sidecar inside the bottle.
    """
    merged = dict(
        (
            ("HOME", AGENT_HOME),
            *ca_env(),
            *proxy_env(proxy_host, no_proxy),
            *chosen.env,
            *credential.env,
        )
    )
    return tuple(sorted(merged.items()))
