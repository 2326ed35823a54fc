"""One file to its checked content: text → tree → model → what the rest of the loader uses."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from botbottle.load import findings
from botbottle.load.budgets import parse_budget
from botbottle.load.fault import Fault
from botbottle.load.layers import Entry
from botbottle.load.merge import Policy
from botbottle.load.policy import own_policy
from botbottle.load.removed import Kind, take_out
from botbottle.load.routes import parse_routes
from botbottle.load.source import Source, cut, hidden_in_body, read_text, whole
from botbottle.load.yamltree import Tree, parse
from botbottle.model.bottle import Limit
from botbottle.model.diagnostic import Diagnostic, Layer, Origin, Severity
from botbottle.model.manifest import Keys
from botbottle.model.manifest_agent import AgentFile
from botbottle.model.manifest_bottle import BottleFile
from botbottle.model.manifest_settings import SettingsFile

_MODELS: dict[Kind, type[Keys]] = {
    "bottle": BottleFile,
    "agent": AgentFile,
    "settings": SettingsFile,
}
# Well-known shapes of credentials; the full rules belong to DLP, these need no engine.
_CREDENTIAL = re.compile(
    r"(sk-ant-|sk-proj-|sk-[A-Za-z0-9]{32}|gh[pousr]_[A-Za-z0-9]{20}|github_pat_|glpat-|xox[abp]-"
    r"|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY)"
)


@dataclass(frozen=True, slots=True)
class Bottle:
    """A good bottle file."""

    entry: Entry
    source: Source
    tree: Tree
    extends: tuple[str, ...]
    policy: Policy
    budget: tuple[Limit, ...]

    def origin(self, *path: str | int) -> Origin:
        """The place of a key path in this file."""
        place = self.tree.place(path)
        return self.source.origin(place.line, place.column)


@dataclass(frozen=True, slots=True)
class Agent:
    """A good agent file."""

    entry: Entry
    source: Source
    tree: Tree
    keys: AgentFile
    budget: tuple[Limit, ...]

    def origin(self, *path: str | int) -> Origin:
        """The place of a key path in this file."""
        place = self.tree.place(path)
        return self.source.origin(place.line, place.column)


@dataclass(frozen=True, slots=True)
class SettingsDoc:
    """A good settings file; ``tree`` gives the places."""

    source: Source
    tree: Tree
    keys: SettingsFile
    budget: tuple[Limit, ...]


type Result[T] = tuple[T | None, list[Diagnostic]]


def parse_bottle(entry: Entry, providers: Collection[str]) -> Result[Bottle]:
    """Read a bottle file. Every mistake in it is reported; None if there is any."""
    loaded = _load(entry, "bottle")
    source, tree, keys, found = loaded
    if source is None or tree is None or not isinstance(keys, BottleFile):
        return None, found
    raw = keys.egress.routes if keys.egress and keys.egress.routes else ()
    routes, problems = parse_routes(raw)
    found += [_route_finding(source, tree, p) for p in problems]
    found += _empty_repos(source, tree)
    limits, wrong = parse_budget(keys.budget or {}, providers)
    found += [findings.at(source, tree, p, "BB2110", m, h) for p, m, h in wrong]
    found += _plain_credentials(keys, source, tree)
    if any(d.severity is Severity.ERROR for d in found):
        return None, found
    policy = own_policy(keys, routes, source, tree)
    return Bottle(entry, source, tree, keys.extends or (), policy, limits), found


def parse_agent(entry: Entry, providers: Collection[str]) -> Result[Agent]:
    """Read an agent file. Every mistake in it is reported; None if there is any."""
    source, tree, keys, found = _load(entry, "agent")
    if source is None or tree is None or not isinstance(keys, AgentFile):
        return None, found
    limits, wrong = parse_budget(keys.budget or {}, providers)
    found += [findings.at(source, tree, p, "BB2110", m, h) for p, m, h in wrong]
    if hidden := hidden_in_body(source):
        line, column, name = hidden
        found.append(
            Diagnostic(
                Severity.WARNING,
                "BB2018",
                f"invisible character {name} in the prompt",
                source.origin(line, column),
                "",
                "delete it unless you put it there",
            )
        )
    if any(d.severity is Severity.ERROR for d in found):
        return None, found
    return Agent(entry, source, tree, keys, limits), found


def parse_settings(entry: Entry, providers: Collection[str]) -> Result[SettingsDoc]:
    """Read ``settings.yml``. Every mistake in it is reported; None if there is any."""
    source, tree, keys, found = _load(entry, "settings")
    if source is None or tree is None or not isinstance(keys, SettingsFile):
        return None, found
    known = {*providers, *(keys.providers or {})}
    limits, wrong = parse_budget(keys.budget or {}, known)
    found += [findings.at(source, tree, p, "BB2110", m, h) for p, m, h in wrong]
    if any(d.severity is Severity.ERROR for d in found):
        return None, found
    return SettingsDoc(source, tree, keys, limits), found


def _load(
    entry: Entry, kind: Kind
) -> tuple[Source | None, Tree | None, Keys | None, list[Diagnostic]]:
    """Text, tree and model of a file, as far as they go, and what is wrong with it."""
    layer: Layer = "settings" if kind == "settings" else entry.layer
    source = Source(entry.file, layer, "", "", 1)
    try:
        text = read_text(entry.path)
        source = Source(entry.file, layer, text, "", 1)
        source = (
            whole(text, entry.file, layer) if kind == "settings" else (cut(text, entry.file, layer))
        )
        tree = parse(source.front, source.front_line, flat=kind == "settings")
    except Fault as fault:
        return source, None, None, [findings.from_fault(fault, source)]
    found = [findings.from_fault(fault, source) for fault in tree.faults]
    data: Any = {} if tree.data is None else tree.data
    if not isinstance(data, dict):
        message = f"a {kind} file holds keys, not {_KIND_OF[type(data)]}"
        return source, tree, None, [*found, findings.at(source, tree, (), "BB2016", message)]
    clean, moved = take_out(data, kind)
    found += [findings.at(source, tree, m.path, m.code, m.message, m.hint, key=True) for m in moved]
    model = _MODELS[kind]
    try:
        keys = model.model_validate(clean)
    except ValidationError as error:
        return source, tree, None, found + findings.from_pydantic(error, model, source, tree)
    return source, tree, keys, found


_KIND_OF = {list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false"}


def _route_finding(
    source: Source, tree: Tree, problem: tuple[tuple[str | int, ...], str, str]
) -> Diagnostic:
    path, message, hint = problem
    return findings.at(
        source,
        tree,
        path,
        "BB2120",
        f"{findings.dotted(path)}: {message}",
        hint,
        key=message.startswith("unknown key"),
    )


def _empty_repos(source: Source, tree: Tree) -> list[Diagnostic]:
    gate = tree.data.get("git-gate")
    if not isinstance(gate, dict) or gate.get("repos", {}) is not None:
        return []
    return [
        findings.at(
            source,
            tree,
            ("git-gate", "repos"),
            "BB2103",
            "git-gate.repos is empty",
            "write {} to clear inherited remotes, or remove the key to inherit them",
            key=True,
        )
    ]


def _plain_credentials(keys: BottleFile, source: Source, tree: Tree) -> list[Diagnostic]:
    return [
        findings.at(
            source,
            tree,
            ("env", name),
            "BB2130",
            f"env.{name} looks like a credential",
            f"keep it out of files: {name}: ${{{name}}} copies it from the host at apply time",
            severity=Severity.WARNING,
        )
        for name, value in (keys.env or {}).items()
        if _CREDENTIAL.search(value)
    ]
