"""From what a check says to a Diagnostic: place, quoted line, did-you-mean and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace
from pydantic import BaseModel, ValidationError

from botbottle.load import advice
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
        _env_name(source, fault.line) or quote(source, fault.line),
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
    snippet = _snippet(source, path, line, column)
    return Diagnostic(severity, code, message, source.origin(line, column), snippet, hint, related)


def quote(source: Source, line: int) -> str:
    """The offending line, without anything that looks like a credential."""
    return mask(source.line(line).rstrip())


def _env_name(source: Source, number: int) -> str:
    """Of a line below ``env`` in text that could not be read: no more than the name."""
    text = source.line(number).rstrip()
    above = (source.line(n) for n in range(number, source.front_line - 1, -1))
    top = next((line for line in above if line[:1].strip() and line[0] != "#"), "")
    return f"{text.partition(':')[0]}: …" if top.startswith("env:") and ":" in text else ""


def mask(text: str) -> str:
    """``text`` with well-known credentials and passwords in addresses blacked out."""
    text = _PARAMETER.sub(r"\1…", _CREDENTIAL.sub("…", text))
    return _PASSWORD.sub("://…@", text)


def mask_all(d: Diagnostic) -> Diagnostic:
    """The finding with its words masked too: they may quote what a file says."""
    related = tuple((origin, mask(word)) for origin, word in d.related)
    return replace(d, message=mask(d.message), hint=mask(d.hint), related=related)


def looks_secret(text: str) -> bool:
    """Whether ``text`` contains a well-known shape of credential, or an address with a password."""
    return _CREDENTIAL.search(text) is not None or _PASSWORD.search(text) is not None


def looks_pasted(value: object) -> bool:
    """Whether the name of a variable is a credential: a well-known shape, or long hexadecimal."""
    if not isinstance(value, str) or not _LONG_NAME.fullmatch(value):
        return False
    return _CREDENTIAL.match(value) is not None or _HEX.fullmatch(value) is not None


def _snippet(source: Source, path: Path, line: int, column: int) -> str:
    """The line at ``path``. Values of ``env`` and of keys that name a variable are not repeated:
    what was pasted there by mistake may be a credential of any shape."""
    text = source.line(line).rstrip()
    if path and path[0] == "env" and ":" in text:
        return text[: text.index(":") + 1] + " …"
    if path and path[-1] in _NAMES_OF_SECRETS:
        return text[: column - 1] + "…"
    return mask(text)


_NAMES_OF_SECRETS = ("auth_token", "token_ref", "forge_token_env")
_PASSWORD = re.compile(r"://[^/\s@]*:[^/\s@]*@")
_PARAMETER = re.compile(r"([?&]password=)[^&\s]*", re.IGNORECASE)
_LONG_NAME = re.compile(r"(?=\D*\d)[A-Za-z_][A-Za-z0-9_]{19,}")
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
# Well-known shapes; the full rules belong to DLP, these need no engine.
_CREDENTIAL = re.compile(
    r"(?:sk-ant-|sk-proj-|sk-(?=[A-Za-z0-9]{32})|gh[pousr]_(?=[A-Za-z0-9]{20})|github_pat_|glpat-"
    r"|xox[abp]-|AKIA(?=[0-9A-Z]{16})|-----BEGIN [A-Z ]*PRIVATE KEY)[^\s'\"]*"
)


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
    value = advice.value_at(tree.data, path)
    match error["type"]:
        case "bb":
            code, message, hint = context["code"], context["message"], context["hint"]
            message = message.replace("the value must", f"{dotted(path)} must", 1)
            hint = _KEY_HINT if key and "variable" in message else hint or advice.unquoted(value)
        case "extra_forbidden":
            code, message = "BB2101", f"unknown key {name!r}"
            near = did_you_mean(name, known_keys(model, path[:-1]))
            hint, key = elsewhere(name, model, path) or near, True
        case "missing":
            code, message, hint = "BB2105", f"{dotted(path)} is missing", f"add {name}"
        case "literal_error":
            words = context["expected"].replace("'", "").replace(" or ", ", ")
            code, message = "BB2104", f"{dotted(path)} must be one of {words}"
            hint = advice.close_word(value, words.split(", "))
        case kind:
            code, message = "BB2103", f"{dotted(path)} must be {_KINDS.get(kind, kind)}"
            hint = advice.example(path)
    return at(source, tree, path, code, message, hint, key=key)


_KEY_HINT = "letters, digits and underscores, no digit first"
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


def elsewhere(name: str, model: type[BaseModel], path: Path) -> str:
    """Where a key belongs that stands at the wrong depth, as a forgotten indentation does it;
    empty where no mapping of ``model`` or several have it."""
    found = [where for where, known in _mappings(model, ()) if name in known]
    if len(found) != 1 or found[0] == path[:-1]:
        return ""
    where = dotted(found[0])
    return f"{name} belongs below {where}: indent it" if found[0] else f"{name} belongs at the top"


def _mappings(model: type[BaseModel], above: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each mapping that has a key of its own in the manifests, with the keys that it may have."""
    yield above, known_keys(model, ())
    for key, field in model.model_fields.items():
        inner = _model_in(field.annotation, None)
        if inner is not None and "dict" not in str(field.annotation):
            yield from _mappings(inner, (*above, field.alias or key))


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
    import difflib  # only when something is wrong

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
