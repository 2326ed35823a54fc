"""An effective bottle as key path → text, in the words of the manifests.

What ``bb info`` prints and ``bb explain`` looks things up in; defaults included.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botbottle.budget.limits import format_limit
from botbottle.load.findings import mask
from botbottle.model.bottle import BottleSpec, EnvVar, GitRepo
from botbottle.model.route import Route


def flatten(spec: BottleSpec) -> dict[str, str]:
    """Every leaf of ``spec`` with its value as short text."""
    return dict(_pairs(spec))


def _pairs(spec: BottleSpec) -> Iterator[tuple[str, str]]:
    yield "state", spec.state
    yield "run", spec.run
    for name in ("task", "workspace"):
        if value := getattr(spec, name):
            yield name, _text(value)
    if spec.skills:
        yield "skills", ", ".join(spec.skills)
    yield from _provider(spec)
    for variable in spec.env:
        yield f"env.{variable.name}", env_text(variable)
    for name in ("name", "email"):
        if value := getattr(spec.git_user, name):
            yield f"git-gate.user.{name}", value
    for repo in spec.git_repos:
        yield from _repo(repo)
    yield "egress.log", str(spec.egress_log)
    yield "egress.learning", _text(spec.learning)
    for number, route in enumerate(spec.routes):
        yield from _route(f"egress.routes[{number}]", route)
    yield "supervise", _text(spec.supervise)
    yield from _budget(spec)
    yield "shutdown", spec.shutdown
    yield "resume", "auto" if spec.resume_auto else "manual"
    yield "preflight", spec.preflight
    yield "resources.memory", bytes_text(spec.resources.memory)
    yield "resources.cpus", f"{spec.resources.cpus:g}"
    yield "resources.pids", str(spec.resources.pids)


def _provider(spec: BottleSpec) -> Iterator[tuple[str, str]]:
    start = "agent_provider"
    yield f"{start}.template", spec.template
    for name in ("dockerfile", "auth_token"):
        if value := getattr(spec, name):
            yield f"{start}.{name}", value
    yield f"{start}.forward_host_credentials", _text(spec.forward_host_credentials)
    for key, value in spec.provider_settings:
        yield f"{start}.settings.{key}", value


def _repo(repo: GitRepo) -> Iterator[tuple[str, str]]:
    start = f"git-gate.repos.{repo.name}"
    yield f"{start}.url", repo.url
    yield f"{start}.host_key", repo.host_key
    key = f"static {repo.key_path}"
    if repo.key_provider == "gitea":
        key = f"gitea {repo.api_url} with {repo.forge_token_env}"
    yield f"{start}.key", key


def _route(start: str, route: Route) -> Iterator[tuple[str, str]]:
    flat = route.to_flat()
    yield f"{start}.host", flat.pop("host")
    if route.auth:
        name = f" {route.auth.name}" if route.auth.name else ""
        yield f"{start}.auth", f"{route.auth.scheme}{name} from {route.auth.secret}"
    for key in ("auth_scheme", "token_env", "auth_name"):
        flat.pop(key, None)
    for key, value in flat.items():
        yield f"{start}.{key}", _text(value)


def _budget(spec: BottleSpec) -> Iterator[tuple[str, str]]:
    """The most specific limit of each provider; less specific ones are its losers."""
    seen: set[str] = set()
    for scope in spec.scopes:
        for provider in dict.fromkeys(x.provider for x in scope.limits):
            if provider not in seen:
                limits = [format_limit(x) for x in scope.limits if x.provider == provider]
                yield f"budget.{provider}", f"{', '.join(limits)} ({scope.key})"
        seen.update(x.provider for x in scope.limits)


def env_text(variable: EnvVar) -> str:
    """An environment variable as the manifests write it, less what looks like a credential."""
    match variable.kind:
        case "ask":
            return f"?{variable.value}"
        case "host":
            return f"${{{variable.value}}}"
        case "literal":
            return mask(variable.value)


def bytes_text(size: int) -> str:
    """``2g``, ``512m``: exact where possible."""
    for unit, factor in (("g", 1024**3), ("m", 1024**2), ("k", 1024)):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
