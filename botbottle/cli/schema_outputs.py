"""JSON Schemas of what ``--json`` prints, from the records of ``cli.documents``.

A verb always writes every field of its record, also one that has a default; left out is only what
is unset. A reader may rely on that, so everything else is required.
"""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from botbottle.cli.schema_records import OPTIONAL, schema_of

type Schema = dict[str, Any]

VERSION: Schema = {"type": "string", "pattern": r"^1\.[0-9]+$"}
_DOCUMENTS = "botbottle.cli.documents"
OUTPUTS = {  # the schema's name: what prints it, and the record
    "audit": ("bb audit --json", f"{_DOCUMENTS}.records:Audit"),
    "budget": ("bb budget show --json", f"{_DOCUMENTS}.spending:Budgets"),
    "denials": ("bb denials --json", f"{_DOCUMENTS}.refusals:Denials"),
    "diff": ("bb diff --json", f"{_DOCUMENTS}.records:Difference"),
    "explain": ("bb explain --json", f"{_DOCUMENTS}.bottles:Explanation"),
    "findings": ("bb findings --json", f"{_DOCUMENTS}.records:Findings"),
    "freezes": ("bb freezes --json", f"{_DOCUMENTS}.records:Snapshots"),
    "history": ("bb history --json", f"{_DOCUMENTS}.records:History"),
    "info": ("bb info --json", f"{_DOCUMENTS}.bottles:Info"),
    "ledger-check": ("bb ledger check --json", "botbottle.ledger.records:Health"),
    "list": ("bb list --json", f"{_DOCUMENTS}.bottles:Listing"),
    "proposals": ("bb proposals list --json", f"{_DOCUMENTS}.records:Proposals"),
    "replay": ("bb replay --json, one document a line", f"{_DOCUMENTS}.runs:ReplayedPass"),
    "routes": ("bb routes list --json", f"{_DOCUMENTS}.records:Reach"),
    "scan": ("bb scan --format json", f"{_DOCUMENTS}.runs:Scan"),
    "status": ("bb status --json", f"{_DOCUMENTS}.bottles:Status"),
    "suggestions": ("bb routes suggest --json", f"{_DOCUMENTS}.records:Suggestions"),
    "top": ("bb top --json", "botbottle.ui.top.model:Fleet"),
    "usage": ("bb usage --json", f"{_DOCUMENTS}.spending:Usage"),
}


def output(name: str) -> Schema:
    """The schema of one document, without its title. Raises KeyError."""
    module, _, record = OUTPUTS[name][1].partition(":")
    made = getattr(importlib.import_module(module), record)
    body: Schema = _complete(schema_of(made))
    if name == "top":
        _add_exhaustion(body["$defs"]["Row"])
    body["description"] = inspect.cleandoc(made.__doc__ or "")
    body["properties"] = {"format_version": VERSION, **body["properties"]}
    body["required"] = ["format_version", *body["required"]]
    return body


def _complete(node: Any) -> Any:
    """Every object with all its fields required, but those that may be unset; no default."""
    if isinstance(node, list):
        return [_complete(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: _complete(item) for key, item in node.items()}
    fields = out.get("properties")
    if out.get("type") == "object" and isinstance(fields, dict):
        out["required"] = sorted(n for n, f in fields.items() if not f.pop(OPTIONAL, False))
        for field in fields.values():
            field.pop("default", None)
    return out


def _add_exhaustion(row: Schema) -> None:
    """When a bottle's first pool is used up: computed when it is written (``Fleet.to_wire``)."""
    row["properties"]["exhausted_in"] = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    row["required"] = sorted([*row["required"], "exhausted_in"])
