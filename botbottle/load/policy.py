"""A bottle file's own policy: its declared keys as leaves with their places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from botbottle.load.merge import Leaf, Policy, RouteLeaf
from botbottle.load.source import Source
from botbottle.load.yamltree import Tree
from botbottle.model.bottle import EnvVar
from botbottle.model.manifest_bottle import BottleFile, GitUserKeys, RepoKeys
from botbottle.model.route import Route

type Path = tuple[str | int, ...]
type Pairs = Iterator[tuple[Path, Any]]

_HOST_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
REPOS = "git-gate.repos"
PROVIDER = "agent_provider"
_SCALARS = ("supervise", "shutdown", "resume", "preflight")
_PROVIDER_FIELDS = ("template", "dockerfile", "auth_token", "forward_host_credentials")


def own_policy(
    keys: BottleFile, routes: tuple[tuple[int, Route], ...], source: Source, tree: Tree
) -> Policy:
    """Leaves, routes and resets that one file declares."""
    leaves = {}
    for path, value in _declared(keys):
        place = tree.place(path)
        leaves[".".join(map(str, path))] = Leaf(value, source.origin(place.line, place.column))
    found = []
    for index, route in routes:
        place = tree.place(("egress", "routes", index))
        found.append(RouteLeaf(route, source.origin(place.line, place.column), index))
    return Policy(leaves, tuple(found), _resets(keys))


def _resets(keys: BottleFile) -> frozenset[str]:
    resets = set()
    if keys.git_gate and keys.git_gate.repos == {}:
        resets.add(REPOS)
    if keys.agent_provider and keys.agent_provider.template:
        resets.add(PROVIDER)
    return frozenset(resets)


def _declared(keys: BottleFile) -> Pairs:
    for name in _SCALARS:
        if (value := getattr(keys, name)) is not None:
            yield (name,), value
    for name, text in (keys.env or {}).items():
        yield ("env", name), env_var(name, text)
    yield from _provider(keys)
    if keys.git_gate:
        yield from git_user(keys.git_gate.user)
        for name, repo in (keys.git_gate.repos or {}).items():
            yield from _repo(("git-gate", "repos", name), repo)
    for name in ("log", "learning"):
        if (value := getattr(keys.egress, name, None)) is not None:
            yield ("egress", name), value
    for name in ("memory", "cpus", "pids"):
        if (value := getattr(keys.resources, name, None)) is not None:
            yield ("resources", name), value


def _provider(keys: BottleFile) -> Pairs:
    for name in _PROVIDER_FIELDS:
        if (value := getattr(keys.agent_provider, name, None)) is not None:
            yield (PROVIDER, name), value
    if keys.agent_provider:
        for name, value in (keys.agent_provider.settings or {}).items():
            yield (PROVIDER, "settings", name), value


def git_user(user: GitUserKeys | None) -> Pairs:
    """Identity fields that are set; an empty one is as good as absent."""
    for name in ("name", "email"):
        if value := getattr(user, name, None):
            yield ("git-gate", "user", name), value


def _repo(path: Path, repo: RepoKeys) -> Pairs:
    for name in ("url", "host_key"):
        if value := getattr(repo, name):
            yield (*path, name), value
    if repo.identity is not None:
        yield (*path, "key"), ("static", repo.identity, "", "")
    elif repo.key:
        key = repo.key
        yield (
            (*path, "key"),
            (key.provider, key.path or "", key.forge_token_env or "", key.api_url or ""),
        )


def env_var(name: str, text: str) -> EnvVar:
    """``?``/``?message`` asks, ``${HOST}`` copies, anything else is literal."""
    if text.startswith("?"):
        return EnvVar(name, "ask", text[1:].strip())
    if match := _HOST_VARIABLE.fullmatch(text):
        return EnvVar(name, "host", match[1])
    return EnvVar(name, "literal", text)
