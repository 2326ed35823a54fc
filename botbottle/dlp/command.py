"""``bb scan`` without a command-line library: what to scan, how to report, which exit code."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, TextIO

from botbottle import __version__
from botbottle.dlp import report
from botbottle.dlp.allow import Allowlist, BadAllowFile, empty_file, read_file
from botbottle.dlp.findings import NOTHING, Finding, Verdict, strength
from botbottle.dlp.injection import scan_text
from botbottle.dlp.scanner import Scanner
from botbottle.dlp.settings import OUTBOUND, OUTBOUND_ALL, Limits
from botbottle.dlp.sources import LARGEST, lines_of, sources
from botbottle.errors import Exit, UsageError

FORMATS = ("text", "json", "sarif", "jsonl")


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What the command line asked for.

    ``minimum``: the weakest verdict to report ("" picks ``supervise`` outbound and ``warn``
    inbound and for JSON lines). ``known``: held secrets to look for, by name. ``allow``: a file of
    approved fingerprints; it is begun when it does not exist. ``base``: where relative paths begin.
    """

    format: str = "text"
    each_line: bool = False
    inbound: bool = False
    wide: bool = False
    entropy: bool = False
    diff: bool = False
    minimum: str = ""
    known: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    key: bytes = field(default=b"", repr=False)
    allow: str = ""
    base: Path = Path()


def run(paths: Sequence[str], options: ScanOptions, out: TextIO, stdin: BinaryIO) -> int:
    """Scan and write the report; 0 without findings, 1 with (JSON lines: always 0)."""
    _check(options)
    judge = Judge(options)
    if options.each_line:
        return _each_line(paths or ("-",), options.base, judge, out, stdin)
    found: list[report.Located] = []
    shown: dict[str, str] = {}
    for name, data, line in sources(paths, options.base, stdin, diff=options.diff):
        if options.diff and name not in shown:
            shown[name], named = judge.name(name)
            found += named
        found += report.locate(shown.get(name, name), data, judge.findings(data), line)
    out.write(_render(found, options))
    return int(Exit.FAILURE) if found else int(Exit.OK)


class Judge:
    """Scans one text in the wanted direction and drops what is below the wanted verdict."""

    def __init__(self, options: ScanOptions) -> None:
        self._options = options
        self._key = options.key or secrets.token_bytes(16)
        self._allow = Allowlist()
        if options.allow:
            self._key, self._allow = _approvals(options.base / options.allow)
        self._least = strength(Verdict(options.minimum or _default_minimum(options)))
        self._scanner = None if options.inbound else self._outbound()

    def _outbound(self) -> Scanner:
        limits = Limits(body=LARGEST, seconds=60.0)
        return Scanner(self._options.known, key=self._key, limits=limits, allow=self._allow)

    def findings(self, data: bytes) -> tuple[Finding, ...]:
        """Findings in ``data`` at or above the wanted verdict; of what is larger than is read, that
        it was not looked at."""
        if len(data) > LARGEST:
            return (Finding(Verdict.BLOCK, "limit.size", "body", 0, 0, NOTHING),)
        if self._scanner is None:
            found = scan_text(data, self._key, wide=self._options.wide)
        else:
            detectors = OUTBOUND_ALL if self._options.entropy else OUTBOUND
            found = self._scanner.scan(data, "body", detectors=detectors)
        return tuple(f for f in found if strength(f.verdict) <= self._least)

    def name(self, name: str) -> tuple[str, list[report.Located]]:
        """A file's name as it may be shown, and what was found in it: a commit holds it, too."""
        text = name.encode("utf-8", "surrogateescape")
        found = [replace(f, location="name") for f in self.findings(text)]
        shown = text
        for finding in sorted((f for f in found if f.length), key=lambda f: -f.offset):
            shown = shown[: finding.offset] + b"..." + shown[finding.end :]
        path = shown.decode("utf-8", "surrogateescape")
        return path, [report.Located(path, 1, 1, 1, finding) for finding in found]


def _approvals(path: Path) -> tuple[bytes, Allowlist]:
    try:
        if not path.exists():
            path.touch(mode=0o600)  # a key is in it
            path.write_text(empty_file())
        return read_file(path.read_text())
    except BadAllowFile as error:
        raise UsageError(f"{path}: {error}") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _default_minimum(options: ScanOptions) -> str:
    return "warn" if options.inbound or options.each_line or options.entropy else "supervise"


def _check(options: ScanOptions) -> None:
    if options.format not in FORMATS:
        raise UsageError(f"unknown format {options.format!r}", hint="one of " + ", ".join(FORMATS))
    if options.each_line != (options.format == "jsonl"):
        raise UsageError("--each-line and --format jsonl belong together")
    if options.minimum and options.minimum not in {str(v) for v in Verdict}:
        raise UsageError(f"unknown verdict {options.minimum!r}")


def _render(found: Sequence[report.Located], options: ScanOptions) -> str:
    if options.format == "json":
        return report.json_document(found)
    if options.format == "sarif":
        lasting = bool(options.key or options.allow)
        return report.sarif(found, __version__, lasting=lasting)
    return report.text(found)


def _each_line(paths: Sequence[str], base: Path, judge: Judge, out: TextIO, stdin: BinaryIO) -> int:
    bad = False
    number = 0
    for path in paths:
        for line in _lines(path, base, stdin):
            number += 1
            row, fine = _row(number, line, judge)
            bad = bad or not fine
            out.write(json.dumps(row) + "\n")
    return int(Exit.USAGE) if bad else int(Exit.OK)


def _row(number: int, line: bytes, judge: Judge) -> tuple[dict[str, object], bool]:
    try:
        text = json.loads(line)["text"]
        data = text.encode("utf-8", "surrogatepass")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {"line": number, "findings": [], "error": "no JSON object with a text member"}, False
    rows = [report.as_dict(finding) for finding in judge.findings(data)]
    return {"line": number, "findings": rows}, True


def _lines(path: str, base: Path, stdin: BinaryIO) -> Iterator[bytes]:
    if path == "-":
        yield from stdin
        return
    yield from lines_of(base / path)


def standard_input() -> BinaryIO:
    """The process's standard input as bytes."""
    return sys.stdin.buffer
