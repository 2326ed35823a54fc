"""Tokens that a line break cuts: in terminals, mails and what ``fold`` wrote.

The engine looks for what begins a token and goes on up to the end of a line. Only there lines are
joined, without what stands in front of the next one (an indent, a quote, a comment, a number), and
a rule has to match over the break: text around a token looks the same, so few bytes are joined.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from botbottle.dlp.confirm import Target
from botbottle.dlp.findings import Verdict

_BEFORE, _AFTER = 200, 500  # bytes around the end of a line that are joined
_AT_ONCE = 64 * 1024  # bytes that are joined
_JWT = ("jwt", "jwt.loose")
MOST = 2048  # lines of a surface that may count besides the candidates of rules
type Span = tuple[int, int]

_PREFIX = re.compile(rb"[a-z0-9_\-]{4,}")
# Words of programs and of prose, which end lines as well.
_COMMON = frozenset(
    b"--header _auth _password _secret_ access- api- api_live api_sandbox apikey_ cli_ "
    b"client-key-data ico- ion_ key- key_ live_ mid- mob- pat- prd- private_key_id refresh_token "
    b"sdk- secret_ secret_key sess- test_ x-api-key x-functions-key".split()
)
_OTHERS = (
    b"AKIA", b"ASIA", b"AIza", b"SG.", b"hvs.", b"dapi", b"ATATT3", b"hf_", b"r8_", b"ya29.",
    b"shpat_", b"shpca_", b"shpss_", b"sk-proj-", b"sk-svcacct-", b"sk-admin-", b"dp.pt.",
    b"dp.st.", b"sntrys_", b"sntryu_", b"oy2", b"eyJ", b"sq0", b"EAAA", b"T3BlbkFJ",
)  # fmt: skip
_LINE = rb"[\w\-+/=.]{0,120}(?:\r?\n|\\{1,4}[nr])"
_TAB = rb"(?:[ \t]|\\{1,4}t)"
_SIGNS = rb"(?:(?:>|\||#|//|\*|\+)" + _TAB + rb"?){0,3}"
_BREAK = re.compile(
    rb"=?(?:\r?\n|(?:\\{1,4}r)?\\{1,4}n)" + _TAB + rb"{0,16}" + _SIGNS +
    rb"(?:\d{1,6}(?:\xe2\x86\x92|\\{1,4}u2192|\\{1,4}t|[:|)\t]) ?)?" + _TAB + rb"{0,8}"
)  # fmt: skip


def expressions(targets: Iterable[Target]) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
    """What the engine looks for, (regex, literals): one a prefix, up to and with the end of its
    line."""
    own = [t for t in targets if t.verdict is Verdict.TOKEN and not t.keywords]
    words = tuple(word for target in own for word in target.literals)
    others = (text for text in _OTHERS if text.lower().startswith(words)) if words else ()
    for text in dict.fromkeys((*others, *_prefixes(own))):
        plain = text.replace(b"_", b"").isalnum()
        yield (text if plain else re.escape(text)) + _LINE, (text.lower(),)


def _prefixes(targets: Iterable[Target]) -> Iterator[bytes]:
    for target in targets:
        words = [word for word in target.literals if _is_prefix(word)]
        pattern = target.pattern.encode("latin-1") if words else b""
        lower = pattern.lower()
        for word in words:
            at = lower.find(word)  # as it is written there
            yield pattern[at : at + len(word)] if at >= 0 else word


def _is_prefix(word: bytes) -> bool:
    signs = b"_" in word or b"-" in word
    return signs and word not in _COMMON and _PREFIX.fullmatch(word) is not None


def windows(ends: Sequence[int], size: int) -> Iterator[Span]:
    """Stretches of lines to join, around each of ``ends``, in a surface of ``size`` bytes."""
    begin = last = -1
    for end in sorted(ends):
        low, high = max(0, end - _BEFORE), min(size, end + _AFTER)
        if begin >= 0 and (low > last or high - begin > _AT_ONCE):
            yield begin, last
            begin = -1
        begin, last = (low if begin < 0 else begin), high
    if begin >= 0:
        yield begin, last


def whole(rule: str, secret: bytes) -> bool:
    """Whether lines make all of it: documents show a JWT in parts, cut short or without a
    signature."""
    return rule not in _JWT or (secret.count(b".") > 1 and len(secret.rpartition(b".")[2]) >= 20)


class Joined:
    """Lines as one. ``text``: what they are without their breaks."""

    def __init__(self, lines: bytes) -> None:
        self._breaks = [match.span() for match in _BREAK.finditer(lines)]
        self.text = _BREAK.sub(b"", lines)

    def place(self, at: int) -> int:
        """Where the byte ``at`` of the text is in the lines."""
        for begin, end in self._breaks:
            if at < begin:
                break
            at += end - begin
        return at

    def cut(self, start: int, end: int) -> bool:
        """Whether a break is within these bytes of the text."""
        return self.place(end - 1) - self.place(start) != end - 1 - start
