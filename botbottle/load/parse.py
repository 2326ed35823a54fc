"""One file to its checked content: text → tree → model → what the rest of the loader uses."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from botbottle.load import contents, findings
from botbottle.load.contents import File
from botbottle.load.fault import Fault
from botbottle.load.known import Known
from botbottle.load.layers import Entry
from botbottle.load.merge import Policy
from botbottle.load.policy import own_policy
from botbottle.load.removed import Kind, take_out
from botbottle.load.source import Source, cut, hidden_in_body, read_text, whole
from botbottle.load.yamltree import Tree, parse
from botbottle.model.bottle import Limit
from botbottle.model.diagnostic import Diagnostic, Layer, Origin, Severity
from botbottle.model.manifest import Keys, is_name
from botbottle.model.manifest_agent import AgentFile
from botbottle.model.manifest_bottle import BottleFile
from botbottle.model.manifest_settings import SettingsFile

_MODELS: dict[Kind, type[Keys]] = {
    "bottle": BottleFile,
    "agent": AgentFile,
    "settings": SettingsFile,
}


class Document(Struct, frozen=True, kw_only=True):
    """A file that is YAML, with the places of all its values."""

    source: Source
    tree: Tree
    budget: tuple[Limit, ...]

    def origin(self, *path: str | int) -> Origin:
        """The place of a key path in this file."""
        place = self.tree.place(path)
        return self.source.origin(place.line, place.column)


class Bottle(Document, frozen=True, kw_only=True):
    """A bottle file. A ``broken`` one still tells what it extends, so that chains through it
    are checked as well; its policy is not used."""

    entry: Entry
    extends: tuple[str, ...]
    policy: Policy
    broken: bool = False


class Agent(Document, frozen=True, kw_only=True):
    """An agent file. ``keys`` is None when it is broken; ``bottles`` is then what could be read."""

    entry: Entry
    bottles: tuple[str, ...]
    keys: AgentFile | None


class SettingsDoc(Document, frozen=True, kw_only=True):
    """A good settings file."""

    keys: SettingsFile


type Result[T] = tuple[T | None, list[Diagnostic]]


def parse_bottle(entry: Entry, known: Known) -> Result[Bottle]:
    """Read a bottle file and report every mistake in it. None if it is not even YAML."""
    file, found = _load(entry, "bottle")
    if file is None:
        return None, found
    routes = contents.routes(file)
    limits = contents.budget(file, known)
    found += (
        contents.empty_repos(file)
        + contents.plain_credentials(file)
        + contents.pasted_credentials(file)
        + contents.template(file, known)
        + contents.dockerfile(file)
    )
    policy = Policy()
    if isinstance(file.keys, BottleFile):
        policy = own_policy(file.keys, routes, file.source, file.tree)
    extends = _names(file.data.get("extends"))
    bottle = Bottle(
        source=file.source,
        tree=file.tree,
        budget=limits,
        entry=entry,
        extends=extends,
        policy=policy,
        broken=file.broken,
    )
    return bottle, found


def parse_agent(entry: Entry, known: Known) -> Result[Agent]:
    """Read an agent file and report every mistake in it. None if it is not even YAML."""
    file, found = _load(entry, "agent")
    if file is None:
        return None, found
    limits = contents.budget(file, known)
    if hidden := hidden_in_body(file.source):
        line, column, name = hidden
        found.append(
            Diagnostic(
                Severity.WARNING,
                "BB2018",
                f"invisible character {name} in the prompt",
                file.source.origin(line, column),
                hint="delete it unless you put it there",
            )
        )
    keys = file.keys if isinstance(file.keys, AgentFile) and not file.broken else None
    names = _names(file.data.get("bottle"))
    agent = Agent(
        source=file.source, tree=file.tree, budget=limits, entry=entry, bottles=names, keys=keys
    )
    return agent, found


def parse_settings(entry: Entry, known: Known) -> Result[SettingsDoc]:
    """Read ``settings.yml`` and report every mistake in it; None if there is any."""
    file, found = _load(entry, "settings")
    if file is None:
        return None, found
    named = file.data.get("providers")
    limits = contents.budget(file, known.with_budgets(named if isinstance(named, dict) else ()))
    if file.broken or not isinstance(file.keys, SettingsFile):
        return None, found
    document = SettingsDoc(source=file.source, tree=file.tree, budget=limits, keys=file.keys)
    return document, found


def _load(entry: Entry, kind: Kind) -> tuple[File | None, list[Diagnostic]]:
    """Text, tree and model of a file, as far as they go, and what is wrong with it."""
    layer: Layer = "settings" if kind == "settings" else entry.layer
    source = Source(entry.file, layer, "", "", 1)
    try:
        text = read_text(entry.path, of_project=entry.layer == "project")
        source = Source(entry.file, layer, text, "", 1)
        source = (whole if kind == "settings" else cut)(text, entry.file, layer)
        tree = parse(source.front, source.front_line, flat=kind == "settings")
    except Fault as fault:
        return None, [findings.from_fault(fault, source)]
    found = [findings.from_fault(fault, source) for fault in tree.faults]
    if tree.data is None:
        tree.data = {}
    if not isinstance(tree.data, dict):
        message = f"a {kind} file holds keys, not {_KIND_OF[type(tree.data)]}"
        return None, [*found, findings.at(source, tree, (), "BB2016", message)]
    data, moved = take_out(tree.data, kind)
    found += [findings.at(source, tree, m.path, m.code, m.message, m.hint, key=True) for m in moved]
    model = _MODELS[kind]
    keys = None
    try:
        keys = model.model_validate(data)
    except ValidationError as error:
        found += findings.from_pydantic(error, model, source, tree)
    return File(source, tree, data, keys, found), found


def _names(raw: Any) -> tuple[str, ...]:
    """Names as far as they are names; the model reports the rest."""
    listed = raw if isinstance(raw, list) else [raw]
    return tuple(n for n in listed if isinstance(n, str) and is_name(n))


_KIND_OF = {list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false"}
