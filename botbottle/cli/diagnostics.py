"""Diagnostics as text, JSON, GitHub annotations or SARIF.

Formats: JSON mirrors ``valid, error_count, warning_count, diagnostics[]`` of the plan/apply
family; GitHub workflow commands (``::error file=…,line=…``, with %, CR, LF and in properties
also : and , escaped); SARIF 2.1.0 (OASIS).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from botbottle import __version__
from botbottle.load.loader import Loaded
from botbottle.load.render import text as render_text
from botbottle.model.diagnostic import Diagnostic, Origin, Severity

FORMAT_VERSION = "1.0"
FORMATS = ("text", "json", "github", "sarif")
SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(loaded: Loaded, form: str, base: Path) -> str:
    """The findings in one of FORMATS, ending in a newline (text without findings: empty)."""
    renderers: dict[str, Callable[[Loaded, Path], str]] = {
        "text": text, "json": as_json, "github": github, "sarif": sarif,
    }  # fmt: skip
    return renderers[form](loaded, base)


def shown(loaded: Loaded, origin: Origin, base: Path) -> str:
    """The file of an origin, relative to ``base`` when it lies below it."""
    path = loaded.path_of(origin)
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)


def place(loaded: Loaded, origin: Origin, base: Path) -> str:
    """``file:line:column``, without what is not known."""
    where = shown(loaded, origin, base)
    return f"{where}:{origin.line}:{origin.column}" if origin.line else where


def text(loaded: Loaded, base: Path) -> str:
    """For people, with paths that a terminal can open and the layer each file belongs to."""

    def show(origin: Origin) -> str:
        return f"{place(loaded, origin, base)} [{origin.layer}]"

    return render_text(loaded.diagnostics, show)


def document(loaded: Loaded, base: Path) -> dict[str, Any]:
    """The JSON document."""
    errors = len(loaded.errors)
    return {
        "format_version": FORMAT_VERSION,
        "valid": errors == 0,
        "error_count": errors,
        "warning_count": len(loaded.diagnostics) - errors,
        "diagnostics": [_json_one(loaded, d, base) for d in loaded.diagnostics],
    }


def _json_one(loaded: Loaded, d: Diagnostic, base: Path) -> dict[str, Any]:
    return {
        "severity": str(d.severity),
        "code": d.code,
        "message": d.message,
        "hint": d.hint,
        "snippet": d.snippet,
        **_json_place(loaded, d.origin, base),
        "related": [{**_json_place(loaded, o, base), "message": word} for o, word in d.related],
    }


def _json_place(loaded: Loaded, origin: Origin, base: Path) -> dict[str, Any]:
    return {
        "file": shown(loaded, origin, base),
        "line": origin.line,
        "column": origin.column,
        "layer": origin.layer,
    }


def as_json(loaded: Loaded, base: Path) -> str:
    """The JSON document as text."""
    import json

    return json.dumps(document(loaded, base), indent=2, ensure_ascii=False) + "\n"


def github(loaded: Loaded, base: Path) -> str:
    """One workflow command a finding; GitHub shows them beside the lines of a pull request."""
    return "".join(_github_one(loaded, d, base) for d in loaded.diagnostics)


def _github_one(loaded: Loaded, d: Diagnostic, base: Path) -> str:
    fields = [f"file={_property(shown(loaded, d.origin, base))}"]
    if d.origin.line:
        fields += [f"line={d.origin.line}", f"col={d.origin.column}"]
    fields.append(f"title={_property(d.code)}")
    words = d.message + (f"\n{d.hint}" if d.hint else "")
    for origin, word in d.related:
        words += f"\n{place(loaded, origin, base)}: {word}"
    return f"::{d.severity} {','.join(fields)}::{_data(words)}\n"


def _data(words: str) -> str:
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    return _data(words).replace(":", "%3A").replace(",", "%2C")


def sarif(loaded: Loaded, base: Path) -> str:
    """SARIF 2.1.0 for code-scanning services."""
    import json

    codes = sorted({d.code for d in loaded.diagnostics})
    run = {
        "tool": {
            "driver": {
                "name": "bb validate",
                "version": __version__,
                "rules": [{"id": code} for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_one(loaded, d, base) for d in loaded.diagnostics],
    }
    whole = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _sarif_one(loaded: Loaded, d: Diagnostic, base: Path) -> dict[str, Any]:
    level = "error" if d.severity is Severity.ERROR else "warning"
    result: dict[str, Any] = {
        "ruleId": d.code,
        "level": level,
        "message": {"text": d.message + (f" ({d.hint})" if d.hint else "")},
        "locations": [_sarif_place(loaded, d.origin, base)],
    }
    if d.related:
        result["relatedLocations"] = [
            {**_sarif_place(loaded, o, base), "message": {"text": word}} for o, word in d.related
        ]
    return result


def _sarif_place(loaded: Loaded, origin: Origin, base: Path) -> dict[str, Any]:
    from urllib.parse import quote

    path = loaded.path_of(origin)
    inside = path.is_relative_to(base)
    uri = quote(path.relative_to(base).as_posix()) if inside else path.as_uri()
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if origin.line:
        physical["region"] = {"startLine": origin.line, "startColumn": origin.column}
    return {"physicalLocation": physical}
