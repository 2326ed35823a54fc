"""``bb scan`` without a command-line library: what to scan, how to report, which exit code."""

from __future__ import annotations

import codecs
import gzip
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TextIO

from botbottle import __version__
from botbottle.dlp import report
from botbottle.dlp.allow import Allowlist, BadAllowFile, empty_file, read_file
from botbottle.dlp.findings import Finding, Verdict, strength
from botbottle.dlp.injection import scan_text
from botbottle.dlp.scanner import Scanner
from botbottle.dlp.settings import OUTBOUND, OUTBOUND_ALL, Limits
from botbottle.errors import Exit, UsageError

FORMATS = ("text", "json", "sarif", "jsonl")
_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_FILE_CAP = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What the command line asked for.

    ``minimum``: the weakest verdict to report ("" picks ``supervise`` outbound and ``warn``
    inbound and for JSON lines). ``known``: held secrets to look for, by name. ``allow``: a file of
    approved fingerprints; it is begun when it does not exist.
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


def run(paths: Sequence[str], options: ScanOptions, out: TextIO, stdin: BinaryIO) -> int:
    """Scan and write the report; 0 without findings, 1 with (JSON lines: always 0)."""
    _check(options)
    judge = Judge(options)
    if options.each_line:
        return _each_line(paths or ("-",), judge, out, stdin)
    found: list[report.Located] = []
    for name, data, line in _sources(paths, options, stdin):
        found += report.locate(name, data, judge.findings(data), line)
    out.write(_render(found, options.format))
    return int(Exit.FAILURE) if found else int(Exit.OK)


class Judge:
    """Scans one text in the wanted direction and drops what is below the wanted verdict."""

    def __init__(self, options: ScanOptions) -> None:
        self._options = options
        self._key = options.key or secrets.token_bytes(16)
        self._allow = Allowlist()
        if options.allow:
            self._key, self._allow = _approvals(Path(options.allow))
        self._least = strength(Verdict(options.minimum or _default_minimum(options)))
        self._scanner = None if options.inbound else self._outbound()

    def _outbound(self) -> Scanner:
        limits = Limits(body=_FILE_CAP, seconds=60.0)
        return Scanner(self._options.known, key=self._key, limits=limits, allow=self._allow)

    def findings(self, data: bytes) -> tuple[Finding, ...]:
        """Findings in ``data`` at or above the wanted verdict."""
        if self._scanner is None:
            found = scan_text(data, self._key, wide=self._options.wide)
        else:
            detectors = OUTBOUND_ALL if self._options.entropy else OUTBOUND
            found = self._scanner.scan(data, "body", detectors=detectors)
        return tuple(f for f in found if strength(f.verdict) <= self._least)


def _approvals(path: Path) -> tuple[bytes, Allowlist]:
    try:
        if not path.exists():
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


def _render(found: Sequence[report.Located], wanted: str) -> str:
    if wanted == "json":
        return report.json_document(found)
    if wanted == "sarif":
        return report.sarif(found, __version__)
    return report.text(found)


def _each_line(paths: Sequence[str], judge: Judge, out: TextIO, stdin: BinaryIO) -> int:
    bad = False
    number = 0
    for path in paths:
        for line in _lines(path, stdin):
            number += 1
            row, fine = _row(number, line, judge)
            bad = bad or not fine
            out.write(json.dumps(row) + "\n")
    return int(Exit.USAGE) if bad else int(Exit.OK)


def _row(number: int, line: bytes, judge: Judge) -> tuple[dict[str, object], bool]:
    try:
        text = json.loads(line)["text"]
        data = text.encode("utf-8", "surrogatepass")
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"line": number, "findings": [], "error": "no JSON object with a text member"}, False
    rows = [report.as_dict(finding) for finding in judge.findings(data)]
    return {"line": number, "findings": rows}, True


def _lines(path: str, stdin: BinaryIO) -> Iterator[bytes]:
    if path == "-":
        yield from stdin
        return
    with _open(path) as stream:
        yield from stream


def _open(path: str) -> BinaryIO:
    try:
        if path.endswith(".gz"):
            return gzip.open(path, "rb")  # type: ignore[return-value]  # a readable binary stream
        return Path(path).open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _sources(
    paths: Sequence[str], options: ScanOptions, stdin: BinaryIO
) -> Iterator[tuple[str, bytes, int]]:
    """(name, bytes, first line) of everything to scan."""
    if options.diff:
        yield from added(_staged(paths))
        return
    for path in paths or ("-",):
        if path == "-":
            yield "stdin", stdin.read(_FILE_CAP), 1
        elif Path(path).is_dir():
            yield from ((str(f), f.read_bytes(), 1) for f in _walk(Path(path)))
        else:
            with _open(path) as stream:
                yield path, stream.read(_FILE_CAP), 1


def _walk(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and ".git" not in path.parts:
            yield path


def _staged(paths: Sequence[str]) -> bytes:
    arguments = ["git", "diff", "--cached", "--no-color", "--no-ext-diff", "-U0", "--", *paths]
    try:
        done = subprocess.run(arguments, capture_output=True, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError("git diff --cached failed; is this a git repository?") from error
    return done.stdout


def added(diff: bytes) -> Iterator[tuple[str, bytes, int]]:
    """(path, added lines, first line) for each hunk of a unified diff without context."""
    path, start, lines = "", 0, list[bytes]()
    in_hunk = False
    for line in diff.split(b"\n"):
        hunk = _HUNK.match(line)
        if hunk or line.startswith(b"diff --git "):
            if lines:
                yield path, b"\n".join(lines), start
            lines, in_hunk = [], hunk is not None
            start = int(hunk[1]) if hunk else 0
        elif in_hunk and line.startswith(b"+"):
            lines.append(line[1:])
        elif line.startswith(b"+++ "):
            path = _name(line[4:])
    if lines:
        yield path, b"\n".join(lines), start


def _name(field: bytes) -> str:
    """A diff's file name: git puts a tab behind blanks and C-quotes odd characters."""
    name = field.rstrip(b"\t")
    if name.startswith(b'"') and name.endswith(b'"'):
        name = codecs.escape_decode(name[1:-1])[0]
    return name.removeprefix(b"b/").decode("utf-8", "replace")


def standard_input() -> BinaryIO:
    """The process's standard input as bytes."""
    return sys.stdin.buffer
