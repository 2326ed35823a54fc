"""What to write instead: an example of the right shape, a close word, a number without quotes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from botbottle.load.yamltree import Path

_EXAMPLES = {
    "agent_provider": "agent_provider: {template: claude}",
    "allow_private": "allow_private: true",
    "auth": "auth: {scheme: Bearer, token_ref: GITHUB_TOKEN}",
    "bottle": "bottle: dev",
    "budget": "budget: {claude: 5M/day}",
    "count": "count: {cache_read: false}",
    "dlp": "dlp: {outbound_on_match: block}",
    "egress": "egress: {routes: [{host: api.example.com}]}",
    "env": "env: {NAME: text}",
    "freezes": "freezes: {keep: 5}",
    "git": "git: {fetch: true}",
    "git-gate": "git-gate: {user: {name: NAME, email: E-MAIL}}",
    "headers": "headers: [{name: accept, value: text/plain}]",
    "matches": "matches: [{paths: [{type: prefix, value: /v1}], methods: [GET]}]",
    "methods": "methods: [GET, POST]",
    "paths": "paths: [{type: prefix, value: /v1}]",
    "providers": "providers: {claude: {hosts: [gateway.example.com]}}",
    "repos": "repos: {app: {url: ..., host_key: ..., identity: PATH}}",
    "resources": "resources: {memory: 2g, cpus: 2, pids: 512}",
    "routes": "routes: [{host: api.example.com}]",
    "skills": "skills: [review]",
}


def example(path: Path) -> str:
    """How the value at ``path`` is written, or the list that it is an entry of; may be empty."""
    names = [step for step in path if isinstance(step, str)]
    found = _EXAMPLES.get(names[-1]) if names else None
    return f"for example {found}" if found else ""


def close_word(value: object, words: Iterable[str]) -> str:
    """``did you mean ...?`` for a value that is almost one of ``words``; may be empty."""
    import difflib  # only when something is wrong

    by_lower = {word.lower(): word for word in words}
    lower = value.lower() if isinstance(value, str) else ""
    close = [lower] if lower in by_lower else difflib.get_close_matches(lower, by_lower, 1, 0.6)
    return f"did you mean {by_lower[close[0]]}?" if close else ""


def unquoted(value: object) -> str:
    """The way out for a number or truth value that quotes have made text; may be empty."""
    text = value.strip() if isinstance(value, str) else ""
    plain = text.isdecimal() or text.replace(".", "", 1).isdecimal() or text in ("true", "false")
    return f"write {text} without quotes" if plain and len(text) < 20 else ""


def value_at(data: Any, path: Path) -> object:
    """What stands at ``path``; None where nothing does."""
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data
