"""Findings of files as text, JSON and SARIF. Never the match, only where it is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from botbottle.dlp.findings import Finding, Verdict
from botbottle.dlp.listing import order

SARIF_LEVEL = {
    Verdict.BLOCK: "error",
    Verdict.TOKEN: "error",
    Verdict.SUPERVISE: "warning",
    Verdict.WARN: "note",
}


@dataclass(frozen=True, slots=True)
class Located:
    """A finding in a file; ``line`` and ``column`` count from 1, columns in bytes; ``units``: the
    column in units of UTF-16, as SARIF counts them."""

    path: str
    line: int
    column: int
    units: int
    finding: Finding


def locate(
    path: str, data: bytes, findings: Iterable[Finding], first_line: int = 1
) -> list[Located]:
    """Findings with line and column."""
    out = []
    line, at, newline, units = first_line, 0, -1, 1
    for finding in sorted(findings, key=lambda each: each.offset):  # each line is counted once
        line += data.count(b"\n", at, finding.offset)
        last = data.rfind(b"\n", at, finding.offset)
        if last >= 0:
            newline, at, units = last, last + 1, 1
        units += _units(data[at : finding.offset])
        at = finding.offset
        out.append(Located(path, line, at - newline, units, finding))
    return sorted(out, key=lambda each: order(each.finding))


def _units(text: bytes) -> int:
    """Of UTF-16: two for a character outside of the first plane."""
    return len(text.decode("utf-8", "replace").encode("utf-16-le")) // 2


def as_dict(finding: Finding) -> dict[str, Any]:
    """The five documented members of a finding in JSON output."""
    return {
        "rule": finding.rule,
        "location": finding.location,
        "offset": finding.offset,
        "length": finding.length,
        "verdict": str(finding.verdict),
    }


def text(found: Sequence[Located]) -> str:
    """``path:line:column: verdict rule (n bytes, fingerprint)``, one line each. Names of files come
    from anybody and must not steer a terminal."""
    return "".join(
        f"{_printable(hit.path)}:{hit.line}:{hit.column}: {hit.finding.verdict} {hit.finding.rule} "
        f"({hit.finding.length} bytes, {hit.finding.fingerprint})\n"
        for hit in found
    )


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in name)


def json_document(found: Sequence[Located]) -> str:
    """One JSON document with all findings."""
    rows = [
        {
            "path": hit.path,
            "line": hit.line,
            "column": hit.column,
            **as_dict(hit.finding),
            "fingerprint": hit.finding.fingerprint,
        }
        for hit in found
    ]
    return json.dumps({"format_version": "1.0", "findings": rows}, indent=2) + "\n"


def sarif(found: Sequence[Located], version: str, *, lasting: bool) -> str:
    """SARIF 2.1.0 (OASIS), as code-scanning services take it. ``lasting``: the fingerprints are the
    same in the next run; others would make every result a new one."""
    rules = sorted({hit.finding.rule for hit in found})
    driver = {
        "name": "bb scan",
        "version": version,
        "informationUri": "https://github.com/botbottle/botbottle",
        "rules": [{"id": rule, "shortDescription": {"text": rule}} for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "results": [_result(hit, rules, lasting) for hit in found],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(hit: Located, rules: Sequence[str], lasting: bool) -> dict[str, Any]:
    region = {"startLine": hit.line, "startColumn": hit.units}
    place = {"artifactLocation": {"uri": quote(os.fsencode(hit.path))}, "region": region}
    result = {
        "ruleId": hit.finding.rule,
        "ruleIndex": rules.index(hit.finding.rule),
        "level": SARIF_LEVEL[hit.finding.verdict],
        "message": {"text": f"{hit.finding.rule}: looks like a secret ({hit.finding.verdict})"},
        "locations": [{"physicalLocation": place}],
    }
    if lasting:
        result["partialFingerprints"] = {"secretHmac/v1": hit.finding.fingerprint}
    return result
