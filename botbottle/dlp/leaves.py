"""What of a JSON text is cut where a token cannot be told from what is around it.

A hit in a decoded layer names a run of Base64, hex or Base32 characters, or only a window in which
something was undone. Of the first the runs are cut; in the second each string is looked at alone,
and then each of its lines, so that a conversation loses what hides a token and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec

from botbottle.dlp.cutting import is_json
from botbottle.dlp.runs import run_end
from botbottle.dlp.tools import Span

RUNS = frozenset(["base64", "base32", "hex"])  # layers whose source is runs of such characters
_STRING = re.compile(rb'"((?:[^"\\]++|\\.)*+)"(\s*+:)?', re.DOTALL)
# The same in a string that is JSON itself: each quote of it is escaped once more.
_INNER = re.compile(rb'\\"((?:[^"\\]++|\\\\(?:\\["\\]|[^"\\])|\\[^"\\])*+)\\"', re.DOTALL)
_DOCUMENT = re.compile(rb"(?:\s|\\[nrt])*+[{\[]")
_LINE = re.compile(rb"\r?\n|(?:\\+r)?\\+n")
# Parts of a line that a token may be in: of a form or a query, and between blanks, quotes and tags.
_VALUE = re.compile(rb"[^\s\"'<>&=]{12,}+")
_WORD = re.compile(rb"[^\s\"'<>]{12,}+")
_NAMED = re.compile(rb'\\*"\s*+:')
_RUN = re.compile(rb"[A-Za-z0-9+/_\-]{12,}")
_ESCAPE = re.compile(rb"[nrtbf]|u[0-9A-Fa-f]{4}")
_LEAST = 12  # bytes of a string that may hold a token
_MOST = 10_000  # strings, and lines of one, that are looked at: a scan takes 20 us at least
_WHOLE, _LAST = 2, 3  # rounds from which strings are cut whole; those that others are in
_SIGNED = re.compile(
    rb'"thinking"\s*+:\s*+"((?:[^"\\]++|\\.)*+)"\s*+,\s*+"signature"\s*+:\s*+"[A-Za-z0-9+/_=\-]{64,}+"'
    rb'|"signature"\s*+:\s*+"[A-Za-z0-9+/_=\-]{64,}+"\s*+,\s*+"thinking"\s*+:\s*+"((?:[^"\\]++|\\.)*+)"',
    re.DOTALL,
)

Holds = Callable[[bytes], bool]


class Uncuttable(Exception):
    """Nothing can be cut exactly; its text is the reason."""


def overlap(one: Span, other: Span) -> bool:
    """Whether two (start, end) share a byte."""
    return one[0] < other[1] and other[0] < one[1]


def strings(body: bytes, within: Span) -> Iterator[tuple[Span, bool]]:
    """The JSON strings that overlap ``within``, without their quotes, and whether each is the name
    of a member, which nobody can replace; none that is too short to hold a token."""
    for found in _STRING.finditer(body):
        if found.start() >= within[1]:
            return
        span = found.span(1)
        if overlap(span, within) and span[1] - span[0] >= _LEAST:
            yield span, bool(found[2])


def inner(body: bytes, text: Span, within: Span) -> list[Span]:
    """The strings that overlap ``within`` of a string that is JSON itself, so that what is left of
    it can still be read; of another none."""
    if not _DOCUMENT.match(body, *text):
        return []
    try:
        said = msgspec.json.decode(b'"%b"' % body[slice(*text)], type=str)
    except ValueError:
        return []
    if not is_json(said.encode("utf-8", "surrogatepass")):
        return []
    spans = (found.span(1) for found in _INNER.finditer(body, *text))
    return [s for s in spans if overlap(s, within) and s[1] - s[0] >= _LEAST]


def each_run(body: bytes, spans: Iterable[Span]) -> Iterator[tuple[Span, list[Span]]]:
    """Each of ``spans``, in order, and its ``runs``; those of one that lies in a run that was found
    already are that run, which is not measured again."""
    last: list[Span] = []
    for span in sorted(set(spans)):
        if not any(start <= span[0] and span[1] <= end for start, end in last[-1:]):
            last = runs(body, span)
        yield span, last


def runs(body: bytes, within: Span) -> list[Span]:
    """The encoded runs that overlap ``within``, whole, with the lines on which they go on."""
    surface, spans, at = memoryview(body), list[Span](), _begin(body, within[0])
    while found := _RUN.search(body, at, max(within[1], at)):
        start = found.start()
        if body[start - 1 : start] == b"\\" and (escape := _ESCAPE.match(body, start)):
            start = escape.end()
        at = max(run_end(surface, start), found.end())
        spans.append((start, at))
    return spans


def is_name(body: bytes, run: Span) -> bool:
    """Whether a run is all of the name of a member."""
    return body[run[0] - 1 : run[0]] == b'"' and _NAMED.match(body, run[1]) is not None


def _begin(body: bytes, at: int) -> int:
    """Where the run that ``at`` is in begins."""
    before = body[max(0, at - 4096) : at]
    return at - len(before) + len(re.sub(rb"[A-Za-z0-9+/_\-]++\Z", b"", before))


def holding(body: bytes, spans: Sequence[Span], holds: Holds, rounds: int) -> Iterator[Span]:
    """What is cut of each string that overlaps one of ``spans`` and holds a token: the lines that
    hold it alone; the strings within it, or the string itself, where none does or more was cut in
    ``rounds`` before. Raises Uncuttable where a name holds one, or there are more strings than can
    be looked at one by one."""
    around = (min(s for s, _ in spans), max(e for _, e in spans))
    for number, (text, name) in enumerate(strings(body, around)):
        if number >= _MOST:
            raise Uncuttable("encoded")
        if not any(overlap(text, span) for span in spans) or not holds(body[slice(*text)]):
            continue
        if name:
            raise Uncuttable("structure")
        within = inner(body, text, around)[:_MOST] if rounds < _LAST else []
        parts = [part for part in within if holds(body[slice(*part)])] or [text]
        for part in parts:
            lines = _holding_lines(body, part, holds) if rounds < _WHOLE else []
            yield from lines or [part]


def _holding_lines(body: bytes, text: Span, holds: Holds) -> list[Span]:
    """None where a string has too many lines to look at."""
    lines = [line for line in _lines(body, *text) if line[1] - line[0] >= _LEAST]
    return [s for s in lines if holds(body[slice(*s)])] if len(lines) <= _MOST else []


def _lines(body: bytes, start: int, end: int) -> Iterator[Span]:
    for found in _LINE.finditer(body, start, end):
        yield start, found.start()
        start = found.end()
    yield start, end


def written(body: bytes, spans: Sequence[Span], holds: Holds) -> Iterator[Span]:
    """The same of text that is no JSON: of each line that holds a token the value, the word or the
    line. Raises Uncuttable for what is no text, or too much of it."""
    if b"\0" in body:
        raise Uncuttable("encoded")
    low, high = min(s for s, _ in spans), max(e for _, e in spans)
    start, end = body.rfind(b"\n", 0, low) + 1, body.find(b"\n", high)
    lines = list(_lines(body, start, end if end >= 0 else len(body)))
    if len(lines) > _MOST:
        raise Uncuttable("encoded")
    for line in lines:
        if any(overlap(line, span) for span in spans) and holds(body[slice(*line)]):
            words = ([m.span() for m in kind.finditer(body, *line)] for kind in (_VALUE, _WORD))
            held = ([w for w in some if holds(body[slice(*w)])] for some in words)
            yield from next(filter(None, held), [line])


def nothing_kept(_body: bytes) -> list[Span]:
    """For messages of which each part may be cut."""
    return []


def signed(body: bytes) -> list[Span]:
    """Texts of thinking that the provider has signed (Messages API, ``thinking`` beside its
    ``signature``). It came from there, and goes back unchanged or is refused as a whole."""
    if b'"signature"' not in body:
        return []
    return [m.span(1) if m[1] is not None else m.span(2) for m in _SIGNED.finditer(body)]
