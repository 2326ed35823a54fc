"""JSON Schemas (draft 2020-12) of everything people and programs read or write.

Manifests come from the pydantic models, documents from the records that are serialised, so
a schema cannot say anything else than the code; ``bb schema --check`` and a test compare the
committed files.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from pydantic.json_schema import GenerateJsonSchema

from botbottle.cli.schema_outputs import OUTPUTS, VERSION, output
from botbottle.cli.schema_records import schema_of

DRAFT = GenerateJsonSchema.schema_dialect
type Schema = dict[str, Any]


def names() -> tuple[str, ...]:
    """Names of the schemas, sorted."""
    return tuple(sorted({*_MAKERS, *OUTPUTS}))


def schema(name: str) -> Schema:
    """One schema by name. Raises KeyError."""
    body = _output(name) if name in OUTPUTS else _MAKERS[name]()
    title = f"output of {OUTPUTS[name][0]}" if name in OUTPUTS else _TITLES[name]
    return {
        "$schema": DRAFT,
        "title": f"botbottle {title}",
        **_tidy(body, written=name in _WRITTEN),
    }


def dumps(name: str) -> str:
    """The schema as it is committed: indented, keys sorted, final newline."""
    return json.dumps(schema(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _tidy(node: Any, *, written: bool) -> Any:
    """Drop generated titles, nulls that people need not write, and implementation notes."""
    if isinstance(node, list):
        return [_tidy(item, written=written) for item in node]
    if not isinstance(node, dict):
        return node
    out = {k: _tidy(v, written=written) for k, v in node.items() if k != "default" or v is not None}
    if isinstance(out.get("title"), str) and (out.keys() & {"type", "anyOf", "oneOf", "$ref"}):
        del out["title"]
    if "patternProperties" in out:
        out["additionalProperties"] = False
    choices = out.get("anyOf")
    if written and isinstance(choices, list):
        kept = [c for c in choices if c != {"type": "null"}]
        if len(kept) == 1 and len(choices) == 2:
            del out["anyOf"]
            out = kept[0] | out
    return out


def _bottle() -> Schema:
    from botbottle.model.manifest_bottle import BottleFile

    return BottleFile.model_json_schema(by_alias=True)


def _agent() -> Schema:
    from botbottle.model.manifest_agent import AgentFile

    return AgentFile.model_json_schema(by_alias=True)


def _settings() -> Schema:
    from botbottle.model.manifest_settings import SettingsFile

    return SettingsFile.model_json_schema(by_alias=True)


def _tagged(classes: tuple[type[Struct], ...], tag: str) -> tuple[list[Schema], Schema]:
    """One alternative for each class, told apart by its class name under ``tag``; and their
    shared definitions."""
    alternatives: list[Schema] = []
    shared: Schema = {}
    for item in classes:
        body = schema_of(item)
        shared |= _undescribed(body.pop("$defs", {}))
        # Versions of pydantic differ in whether a dataclass's docstring becomes a description.
        body.pop("description", None)
        if text := _docstring(item):
            body["description"] = text
        body["properties"] = {tag: {"const": item.__name__}, **body.get("properties", {})}
        body["required"] = [tag, *body.get("required", ())]
        alternatives.append(body)
    return alternatives, shared


def _undescribed(definitions: Schema) -> Schema:
    """Definitions without docstrings, for the same reason."""
    return {n: {k: v for k, v in d.items() if k != "description"} for n, d in definitions.items()}


def _output(name: str) -> Schema:
    body = output(name)
    if "$defs" in body:
        body["$defs"] = _undescribed(body["$defs"])
    return body


def _docstring(item: type) -> str:
    """The class's own words, if it has any."""
    return inspect.cleandoc(item.__dict__.get("__doc__") or "")


def _plan() -> Schema:
    from botbottle.model import plan

    body = schema_of(plan.Plan)
    body["description"] = _docstring(plan.Plan)
    ops, shared = _tagged(plan.Op.__value__.__args__, "op")
    definitions = {**_undescribed(body["$defs"]), **shared}
    kept = {name: d for name, d in definitions.items() if name not in {o["title"] for o in ops}}
    # Routes inside a sidecar's config travel in flat form and are described there.
    kept["SidecarConfig"] = {"type": "object"}
    body["properties"].pop("ops")
    body["$defs"] = _reachable([ops, body["properties"]], kept)
    body["properties"] |= {
        "ops": {"type": "array", "items": {"oneOf": ops}},
        "digest": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "needs": {"type": "array", "items": {"enum": ["widen", "destroy", "budget"]}},
        "format_version": VERSION,
    }
    body["required"] = ["format_version", "project", "changes", "ops", "digest", "needs"]
    return body


def _reachable(start: Any, definitions: Schema) -> Schema:
    """The definitions that ``start`` refers to, directly or not."""
    found: Schema = {}
    todo = [start]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo.extend(node)
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).rpartition("/")[2]
            if name in definitions and name not in found:
                found[name] = definitions[name]
                todo.append(definitions[name])
            todo.extend(node.values())
    return dict(sorted(found.items()))


def _events() -> Schema:
    from botbottle.ui import events

    alternatives, shared = _tagged(events.Event.__value__.__args__, "type")
    common = {"level": {"enum": ["info", "warning", "error"]}, "message": {"type": "string"}}
    for body in alternatives:
        body["properties"] = common | body["properties"]
        body["required"] = [*body["required"], *(k for k in common if k not in body["required"])]
    alternatives.append(_first_line())
    return {"$defs": shared, "oneOf": alternatives} if shared else {"oneOf": alternatives}


def _first_line() -> Schema:
    """What a stream of events begins with."""
    text = {"type": "string"}
    fields = {"type": {"const": "version"}, "ui": text, "bb": text}
    return {"type": "object", "properties": fields, "required": sorted(fields)}


def _denial() -> Schema:
    from botbottle.sidecar.egress import denial

    text = {"type": "string"}
    error = {
        "type": "object",
        "properties": {"type": text, "message": text},
        "required": ["type", "message"],
    }
    fields = ("reason", "host", "method", "path", "remedy", "tool", "request_id")
    return {
        "type": "object",
        "description": "Body of a refusal by the egress sidecar, unless a client's own dialect "
        "is used.",
        "properties": {
            "format": {"const": denial.FORMAT},
            "code": {"enum": sorted(denial.CODES)},
            **dict.fromkeys(fields, text),
            "port": {"type": "integer", "minimum": 0, "maximum": 65535},
            "error": error,
        },
        "required": ["format", "code", "reason", "remedy", "error"],
    }


def _diagnostics() -> Schema:
    place = {
        "file": {"type": "string"},
        "line": {"type": "integer", "minimum": 0},
        "column": {"type": "integer", "minimum": 0},
        "layer": {"type": "string"},
    }
    text = {"type": "string"}
    related = {"type": "object", "properties": {**place, "message": text}}
    one = {
        "type": "object",
        "properties": {
            "severity": {"enum": ["error", "warning"]},
            "code": {"type": "string", "pattern": "^BB2[0-9]{3}$"},
            **dict.fromkeys(("message", "hint", "snippet"), text),
            **place,
            "related": {"type": "array", "items": related},
        },
        "required": ["severity", "code", "message", "file", "line", "column", "layer"],
    }
    count = {"type": "integer", "minimum": 0}
    return {
        "type": "object",
        "properties": {
            "format_version": VERSION,
            "valid": {"type": "boolean"},
            "error_count": count,
            "warning_count": count,
            "diagnostics": {"type": "array", "items": one},
        },
        "required": ["format_version", "valid", "error_count", "warning_count", "diagnostics"],
    }


def _outcome() -> Schema:
    text, count = {"type": "string"}, {"type": "number", "minimum": 0}
    failed = {"op": text, "code": text, "message": text, "hint": {"type": ["string", "null"]}}
    left = {
        "op": text,
        "why": {"enum": ["blocked", "interrupted", "fenced", "fail-fast"]},
        "by": text,
    }
    ends = ["nothing to do", "applied", "incomplete", "did not converge", "interrupted"]
    fields = {
        "format_version": VERSION,
        "verb": text,
        "project": text,
        "digest": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
        "outcome": {"enum": ends},
        "done": {"type": "array", "items": text},
        "failed": {"type": "array", "items": _closed(failed)},
        "not_started": {"type": "array", "items": _closed(left)},
        "seconds": count,
    }
    return {
        "description": "What apply, destroy, undo, cutoff, freeze, kill, release and resume did: "
        "ids of the plan's ops in three groups.",
        **_closed(fields),
    }


def _closed(fields: Schema) -> Schema:
    """An object that has all of these fields; readers take others, too."""
    return {"type": "object", "properties": fields, "required": sorted(fields)}


_MAKERS: dict[str, Callable[[], Schema]] = {
    "agent": _agent,
    "bottle": _bottle,
    "denial": _denial,
    "diagnostics": _diagnostics,
    "events": _events,
    "outcome": _outcome,
    "plan": _plan,
    "settings": _settings,
}
_WRITTEN = ("agent", "bottle", "settings")  # by people; documents that bb writes have nulls
_TITLES = {
    "agent": "agent file (front matter)",
    "bottle": "bottle file (front matter)",
    "denial": "denial body",
    "diagnostics": "output of bb validate --format json",
    "events": "event stream, one JSON object a line",
    "outcome": "what a verb did (--json)",
    "plan": "plan document",
    "settings": "settings.yml",
}
