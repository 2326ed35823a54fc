"""Keys of a bottle file. ``None`` means that the file does not declare the key."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from botbottle.model import manifest
from botbottle.model.manifest import Amount, Flag, Keys, Memory, Name, Names, Text, Variable
from botbottle.model.manifest_route import ROUTE_SCHEMA

_SSH_URL = re.compile(
    r"ssh://[A-Za-z0-9._~-]+@[A-Za-z0-9.-]+(?::\d{1,5})?/\S+|[A-Za-z0-9._~-]+@[A-Za-z0-9.-]+:[^/\s]\S*"
)
_HOST_KEY = re.compile(
    r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com)"
    r" [A-Za-z0-9+/]{16,}={0,3}(?: \S+)?"
)
_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def _ssh_url(text: str) -> str:
    if not _SSH_URL.fullmatch(text):
        raise manifest.problem(
            f"{text[:80]!r} is not an ssh address", "for example ssh://git@github.com/acme/app.git"
        )
    return text


def _host_key(text: str) -> str:
    if not _HOST_KEY.fullmatch(text):
        raise manifest.problem(
            "this is not a public host key",
            "one line of ssh-keyscan without the host: ssh-ed25519 AAAA...",
        )
    return text


def _repo_name(text: str) -> str:
    if not _REPO.fullmatch(text) or ".." in text or text.endswith(".git"):
        raise manifest.problem(f"{text[:80]!r} is not a name for a repository")
    return text


def _email(text: str) -> str:
    if text and not _EMAIL.fullmatch(text):
        raise manifest.problem(f"{text[:80]!r} is not an e-mail address")
    return text


def _settings(raw: object) -> object:
    """Provider settings are text for the provider; numbers and booleans are spelled out."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return str(raw) if isinstance(raw, (int, float)) else raw


class GitUserKeys(Keys):
    """``git-gate.user``: identity of commits; an empty field is not set."""

    name: Text | None = None
    email: Annotated[Text, AfterValidator(_email)] | None = None


class RepoKeyKeys(Keys):
    """``git-gate.repos.*.key``: where the gate gets its key."""

    provider: Literal["static", "gitea"]
    path: Text | None = None
    forge_token_env: Variable | None = None
    api_url: Text | None = None

    @model_validator(mode="after")
    def _complete(self) -> RepoKeyKeys:
        static = self.provider == "static"
        if static and (self.forge_token_env or self.api_url):
            raise manifest.problem("a static key has a path and nothing else")
        if not static and self.path:
            raise manifest.problem("a gitea key is made by the forge and has no path")
        return self


class RepoKeys(Keys):
    """One declared remote. Fields may be spread over the extends chain."""

    url: Annotated[Text, AfterValidator(_ssh_url)] | None = None
    host_key: Annotated[Text, AfterValidator(_host_key)] | None = None
    key: RepoKeyKeys | None = None
    identity: Text | None = None

    @model_validator(mode="after")
    def _one_key(self) -> RepoKeys:
        if self.key and self.identity is not None:
            raise manifest.problem("key and identity exclude each other", "keep key")
        return self


class GitGateKeys(Keys):
    """``git-gate``: identity, and the remotes behind the gate."""

    user: GitUserKeys | None = None
    repos: dict[Annotated[Text, AfterValidator(_repo_name)], RepoKeys] | None = None


class ProviderKeys(Keys):
    """``agent_provider``: which agent runs and whose credential pays for it."""

    template: Name | None = None
    dockerfile: Text | None = None
    auth_token: Variable | None = None
    forward_host_credentials: Flag | None = None
    settings: dict[Text, Annotated[Text, BeforeValidator(_settings)]] | None = None


class EgressKeys(Keys):
    """``egress``: what may leave."""

    # The keys of a route are read in one place, ``model.route_reading``.

    routes: tuple[Annotated[Any, WithJsonSchema(ROUTE_SCHEMA)], ...] | None = None
    log: manifest.whole(0, 2) | None = None  # type: ignore[valid-type]
    learning: Flag | None = None


class ResourceKeys(Keys):
    """``resources``: limits of the agent container."""

    memory: Memory | None = None
    cpus: manifest.number(0.1, 256) | None = None  # type: ignore[valid-type]
    pids: manifest.whole(16, 65536) | None = None  # type: ignore[valid-type]


class BottleFile(Keys):
    """A bottle file: policy. Lives at home only."""

    extends: Names | None = None
    env: dict[Variable, Annotated[manifest.LongText, Field()]] | None = None
    agent_provider: ProviderKeys | None = None
    git_gate: GitGateKeys | None = Field(None, alias="git-gate")
    egress: EgressKeys | None = None
    supervise: Flag | None = None
    budget: dict[Name, Amount] | None = None
    shutdown: Literal["cutoff", "freeze", "kill"] | None = None
    resume: Literal["manual", "auto"] | None = None
    preflight: Literal["off", "estimate", "exact"] | None = None
    resources: ResourceKeys | None = None
