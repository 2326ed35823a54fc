"""What a model cannot check by itself: routes, amounts, names that must exist elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from botbottle.load import advice, findings
from botbottle.load.budgets import parse_budget
from botbottle.load.known import Known
from botbottle.load.routes import parse_routes
from botbottle.load.source import Source
from botbottle.load.yamltree import Tree
from botbottle.model.bottle import Limit
from botbottle.model.diagnostic import Diagnostic, Severity
from botbottle.model.manifest import Keys, is_name
from botbottle.model.route import Route


class File(Struct, frozen=True):
    """A file that is YAML: its keys without removed ones, its model if it fits."""

    source: Source
    tree: Tree
    data: dict[str, Any]
    keys: Keys | None
    found: list[Diagnostic]

    @property
    def broken(self) -> bool:
        return any(d.severity is Severity.ERROR for d in self.found)


def routes(file: File) -> tuple[tuple[int, Route], ...]:
    """Good routes with their numbers; mistakes go to ``file.found``."""
    egress = file.data.get("egress")
    raw = egress.get("routes") if isinstance(egress, dict) else None
    if not isinstance(raw, list):
        return ()
    routes, problems = parse_routes(raw)
    for path, message, hint in problems:
        file.found.append(
            findings.at(
                file.source,
                file.tree,
                path,
                "BB2120",
                f"{findings.dotted(path)}: {message}",
                hint,
                key=message.startswith("unknown key"),
            )
        )
    return routes


def budget(file: File, known: Known) -> tuple[Limit, ...]:
    """Good limits; mistakes go to ``file.found``."""
    raw = file.data.get("budget")
    if not isinstance(raw, dict):
        return ()
    amounts = {
        k: v for k, v in raw.items() if isinstance(v, (int, str)) and not isinstance(v, bool)
    }
    limits, problems = parse_budget(amounts, known)
    for path, message, hint in problems:
        file.found.append(findings.at(file.source, file.tree, path, "BB2110", message, hint))
    return limits


def template(file: File, known: Known) -> list[Diagnostic]:
    """An unknown provider template."""
    provider = file.data.get("agent_provider")
    name = provider.get("template") if isinstance(provider, dict) else None
    if not isinstance(name, str) or not is_name(name) or name in known.templates:
        return []
    return [
        findings.at(
            file.source,
            file.tree,
            ("agent_provider", "template"),
            "BB2131",
            f"there is no provider template {name!r}",
            findings.did_you_mean(name, known.templates),
        )
    ]


def dockerfile(file: File) -> list[Diagnostic]:
    """A Dockerfile that is named relative to nothing: bb may be called anywhere."""
    provider = file.data.get("agent_provider")
    path = provider.get("dockerfile") if isinstance(provider, dict) else None
    if not isinstance(path, str) or not path or path.startswith(("/", "~")):
        return []
    return [
        findings.at(
            file.source,
            file.tree,
            ("agent_provider", "dockerfile"),
            "BB2104",
            "agent_provider.dockerfile is not an absolute path",
            "write the whole path: /... or ~/...",
        )
    ]


def empty_repos(file: File) -> list[Diagnostic]:
    """``repos:`` with nothing below it: inherit or clear?"""
    gate = file.data.get("git-gate")
    if not isinstance(gate, dict) or gate.get("repos", {}) is not None:
        return []
    return [
        findings.at(
            file.source,
            file.tree,
            ("git-gate", "repos"),
            "BB2103",
            "git-gate.repos is empty",
            "write {} to clear inherited remotes, or remove the key to inherit them",
            key=True,
        )
    ]


def plain_credentials(file: File) -> list[Diagnostic]:
    """Literal values of env that look like credentials (warnings)."""
    raw = file.data.get("env")
    return [
        findings.at(
            file.source,
            file.tree,
            ("env", name),
            "BB2130",
            f"env.{name} looks like a credential",
            f"keep it out of files: {name}: ${{{name}}} copies it from the host at apply time",
            severity=Severity.WARNING,
        )
        for name, value in (raw if isinstance(raw, dict) else {}).items()
        if isinstance(value, str) and findings.looks_secret(value)
    ]


def pasted_credentials(file: File) -> list[Diagnostic]:
    """A credential where the name of a variable belongs: names are shown in plans and kept."""
    return [
        findings.at(
            file.source,
            file.tree,
            path,
            "BB2104",
            "this looks like a credential, not like the name of a variable",
            "write the name of the host variable that holds it, and change the credential: "
            "it was in a file",
        )
        for path in _variable_names(file.data)
        if findings.looks_pasted(advice.value_at(file.data, path))
    ]


def _variable_names(data: dict[str, Any]) -> Iterator[findings.Path]:
    """Paths of the keys that name a host variable."""
    yield ("agent_provider", "auth_token")
    routes = advice.value_at(data, ("egress", "routes"))
    for number in range(len(routes) if isinstance(routes, list) else 0):
        yield ("egress", "routes", number, "auth", "token_ref")
    repos = advice.value_at(data, ("git-gate", "repos"))
    for name in repos if isinstance(repos, dict) else ():
        yield ("git-gate", "repos", name, "key", "forge_token_env")
