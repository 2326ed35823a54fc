"""From what a check says to a Diagnostic: place, quoted line, did-you-mean and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from botbottle.load.fault import Fault
from botbottle.load.source import Source
from botbottle.load.yamltree import Tree
from botbottle.model.diagnostic import Diagnostic, Origin, Severity

type Path = tuple[str | int, ...]


def from_fault(fault: Fault, source: Source) -> Diagnostic:
    """A reader's fault in ``source``."""
    return Diagnostic(
        Severity.ERROR,
        fault.code,
        fault.message,
        source.origin(fault.line, fault.column),
        quote(source, fault.line),
        fault.hint,
    )


def at(
    source: Source,
    tree: Tree,
    path: Path,
    code: str,
    message: str,
    hint: str = "",
    *,
    key: bool = False,
    severity: Severity = Severity.ERROR,
    related: tuple[tuple[Origin, str], ...] = (),
) -> Diagnostic:
    """A finding about the value (or, with ``key``, the key) at ``path``."""
    place = tree.place(path)
    line, column = (place.key_line, place.key_column) if key else (place.line, place.column)
    snippet = quote(source, line, secret=bool(path) and path[0] == "env")
    return Diagnostic(severity, code, message, source.origin(line, column), snippet, hint, related)


def quote(source: Source, line: int, *, secret: bool = False) -> str:
    """The offending line. Values of ``env`` are not repeated: they may be credentials."""
    text = source.line(line).rstrip()
    if secret and ":" in text:
        return text[: text.index(":") + 1] + " …"
    return text


def from_pydantic(
    error: ValidationError, model: type[BaseModel], source: Source, tree: Tree
) -> list[Diagnostic]:
    """All errors of one model, each at its place."""
    return [
        _one(e, model, source, tree) for e in error.errors(include_url=False, include_input=False)
    ]


def _one(error: Any, model: type[BaseModel], source: Source, tree: Tree) -> Diagnostic:
    path: Path = tuple(error["loc"])
    context = error.get("ctx", {})
    key = bool(path) and path[-1] == "[key]"
    if key:
        path = path[:-1]
    name = str(path[-1]) if path else ""
    match error["type"]:
        case "bb":
            code, message, hint = context["code"], context["message"], context["hint"]
        case "extra_forbidden":
            code, message = "BB2101", f"unknown key {name!r}"
            hint, key = did_you_mean(name, known_keys(model, path[:-1])), True
        case "missing":
            code, message, hint = "BB2105", f"{dotted(path)} is missing", f"add {name}"
        case "literal_error":
            expected = context["expected"].replace("'", "").replace(" or ", ", ")
            code, message, hint = "BB2104", f"{name} must be one of {expected}", ""
        case kind:
            code, message, hint = "BB2103", f"{dotted(path)} must be {_KINDS.get(kind, kind)}", ""
    return at(source, tree, path, code, message, hint, key=key)


_KINDS = {
    "string_type": "text",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
}


def known_keys(model: Any, path: Path) -> list[str]:
    """The keys that the mapping at ``path`` of ``model`` may have."""
    for step in path:
        fields = {f.alias or n: f.annotation for n, f in model.model_fields.items()}
        model = _model_in(fields.get(str(step)), model)
    return sorted(f.alias or n for n, f in model.model_fields.items())


def _model_in(annotation: Any, otherwise: Any) -> Any:
    """The model inside ``M | None`` or ``dict[str, M]``; ``otherwise`` for a step into a dict."""
    stack = [annotation]
    while stack:
        item = stack.pop()
        if isinstance(item, type) and issubclass(item, BaseModel):
            return item
        stack.extend(getattr(item, "__args__", ()))
    return otherwise


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A close known word, else the list of known ones."""
    words = sorted(known)
    close = difflib.get_close_matches(word.lower().replace("_", "-"), words, 1, 0.6)
    close = close or difflib.get_close_matches(word, words, 1, 0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(words)}" if words else ""


def dotted(path: Path) -> str:
    """``egress.routes[2].host``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text or "the file"
