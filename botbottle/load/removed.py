"""Keys that have moved or never belonged here: each with its own message and target.

They are reported and taken out before the models see the file, so that one mistake gives one
message.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

type Kind = Literal["bottle", "agent", "settings"]
type Path = tuple[str | int, ...]


class Moved(Struct, frozen=True):
    """A key at ``path`` that is refused with its own words."""

    path: Path
    code: str
    message: str
    hint: str


REMOVED: dict[str, tuple[str, str]] = {
    "runtime": (
        "runtime is gone: a bottle runs under the engine's default",
        "remove the key",
    ),
    "ssh": (
        "ssh is gone: remotes are declared in git-gate.repos",
        "git-gate: {repos: {NAME: {url, host_key, key}}}",
    ),
    "git": ("git is now git-gate", "rename the key to git-gate"),
    "git_user": ("git_user is now git-gate.user", "git-gate: {user: {name, email}}"),
}

ROUTE: dict[str, tuple[str, str]] = {
    "path_allowlist": (
        "path_allowlist is now matches",
        "matches: [{paths: [{type: prefix, value: /v1}]}]",
    ),
    "role": (
        "routes have no role: the provider's own routes come from agent_provider",
        "remove the key",
    ),
    "auth_scheme": ("auth_scheme is auth.scheme here", "auth: {scheme: Bearer, token_ref: NAME}"),
    "token_env": ("token_env is auth.token_ref here", "auth: {scheme: Bearer, token_ref: NAME}"),
    "token_ref": ("token_ref belongs into auth", "auth: {scheme: Bearer, token_ref: NAME}"),
}

REPO = dict.fromkeys(
    ("ssh_key", "key_path", "deploy_key", "identity_file", "private_key", "key_file", "known_host"),
    "key: {provider: static, path: PATH}, or identity: PATH for short",
)

_POLICY = "policy belongs into the bottle file; an agent only says who runs in it"
AGENT: dict[str, tuple[str, str]] = {
    "egress": ("an agent cannot set egress", _POLICY),
    "env": ("an agent cannot set env", _POLICY),
    "agent_provider": ("an agent cannot choose credentials", _POLICY),
    "supervise": ("an agent cannot set supervise", _POLICY),
    "shutdown": ("an agent cannot set shutdown", _POLICY),
    "resources": ("an agent cannot set resources", _POLICY),
    "resume": ("an agent cannot set resume", _POLICY),
    "preflight": ("an agent cannot set preflight", _POLICY),
    "extends": ("agents do not extend each other", "bottle takes a list: bottle: [base, web]"),
}


def take_out(data: dict[str, Any], kind: Kind) -> tuple[dict[str, Any], list[Moved]]:
    """``data`` without removed keys, and a Moved for each of them, in the file's order."""
    if kind == "settings":
        return data, []
    moved: list[Moved] = []
    table = {k: ("BB2102", *v) for k, v in REMOVED.items()}
    if kind == "agent":
        table |= {k: ("BB2211", *v) for k, v in AGENT.items()}
    clean = _without(data, (), table, moved)
    gate = clean.get("git-gate")
    if isinstance(gate, dict):
        clean["git-gate"] = _gate(gate, kind, moved)
    egress = clean.get("egress")
    if isinstance(egress, dict) and isinstance(routes := egress.get("routes"), list):
        clean["egress"] = egress | {"routes": _routes(routes, moved)}
    return clean, moved


def _gate(gate: dict[str, Any], kind: Kind, moved: list[Moved]) -> dict[str, Any]:
    if kind == "agent":
        table = {"repos": ("BB2211", "an agent cannot declare remotes", _POLICY)}
        return _without(gate, ("git-gate",), table, moved)
    if not isinstance(repos := gate.get("repos"), dict):
        return gate
    table = {k: ("BB2102", f"{k} is now key", v) for k, v in REPO.items() if k != "known_host"}
    table["known_host"] = ("BB2102", "known_host is now host_key", "host_key: ssh-ed25519 AAAA...")
    path = ("git-gate", "repos")
    return gate | {
        "repos": {
            name: _without(repo, (*path, name), table, moved) if isinstance(repo, dict) else repo
            for name, repo in repos.items()
        }
    }


def _routes(routes: list[Any], moved: list[Moved]) -> list[Any]:
    table = {k: ("BB2102", *v) for k, v in ROUTE.items()}
    return [
        _without(r, ("egress", "routes", i), table, moved) if isinstance(r, dict) else r
        for i, r in enumerate(routes)
    ]


def _without(
    data: dict[str, Any], path: Path, table: dict[str, tuple[str, str, str]], moved: list[Moved]
) -> dict[str, Any]:
    found = [k for k in data if k in table]
    moved.extend(Moved((*path, key), *table[key]) for key in found)
    return {k: v for k, v in data.items() if k not in table}
