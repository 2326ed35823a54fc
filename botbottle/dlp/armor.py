"""What of a key in armor is cut out of a JSON text.

Where the armor is cut short, as ``head`` cuts a file, the rule takes what follows as well: the end
of the string, and members behind it, which a provider may have signed. A key that is in several
strings (a list of lines, a log of objects) goes on only in the next of the list, or in what is
nothing but its lines: to the armor's end, or under the same name.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from botbottle.dlp import leaves
from botbottle.dlp.checks import mixed_case
from botbottle.dlp.cutting import Cut
from botbottle.dlp.tools import Span

_LINE = re.compile(rb"[A-Za-z0-9+/=]{32}")
_BREAK = rb"(?:\s|\\+[nrt])"
_LINES = re.compile(
    rb"%b*+(?:[A-Za-z0-9+/]{1,77}={0,2}%b*+)++(?:-----END[ A-Z0-9]*+(?:-----%b*+)?)?"
    % (_BREAK, _BREAK, _BREAK)
)
_NEXT = re.compile(rb'\\*"%b*+,%b*+\\*"' % (_BREAK, _BREAK))
_MEMBER = re.compile(rb'"([^"\\]{1,60})\\*"\s*:\s*\\*"\Z')


def parts(body: bytes, keys: Sequence[Cut]) -> Iterator[Cut]:
    """What is cut for these keys of a body that is JSON. Raises Uncuttable for one that begins in
    the name of a member."""
    if not keys:
        return
    texts = list(_texts(body, (min(k[0] for k in keys), max(k[1] for k in keys))))
    for start, end, why in keys:
        before: Span | None = None
        at = bisect_left(texts, start, key=lambda text: text[0][1])
        for text, name in texts[at:]:
            if text[0] >= end:
                break
            span = max(start, text[0]), min(end, text[1])
            part = body[slice(*span)]
            if before is None or _goes_on(body, before, text, part, named=name):
                if name:
                    raise leaves.Uncuttable("structure")
                before = text
                yield (*span, why)


def _texts(body: bytes, within: Span) -> Iterator[tuple[Span, bool]]:
    for text, name in leaves.strings(body, within):
        parts = leaves.inner(body, text, within)
        yield from ((part, False) for part in parts) if parts else [(text, name)]


def _goes_on(body: bytes, before: Span, text: Span, part: bytes, *, named: bool) -> bool:
    """Whether a key that ``before`` holds goes on in ``part`` of ``text``."""
    if not _LINE.search(part):
        return False
    if _NEXT.fullmatch(body, before[1], text[0]) and not named:
        return True
    alike = named or b"-----END" in part or _member(body, text[0]) == _member(body, before[0])
    return alike and mixed_case(part) and _LINES.fullmatch(part) is not None


def _member(body: bytes, at: int) -> bytes:
    """The name of the member whose value begins at ``at``."""
    found = _MEMBER.search(body[max(0, at - 80) : at])
    return found[1] if found else b""
