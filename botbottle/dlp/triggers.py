"""Which views of a surface are worth making: cheap hits in the same pass as the held secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import replace

from botbottle.dlp import spelled
from botbottle.dlp.engines.base import Expression
from botbottle.dlp.runs import RUN_EXPRESSION

_HEX_PREFIX = 4  # characters; longer ones make runs that are long enough in hex

# Base64 of a zlib header (78 01, 78 5e, 78 9c, 78 da) or of gzip's magic: compressed values are
# shorter than a run has to be.
_SHORT_COMPRESSED = (
    rb"(?:^|[^A-Za-z0-9+/_\-])(?:e(?:A[E-H]|F[4-7]|J[w-z]|N[o-r])[A-Za-z0-9+/_\-]{18}"
    rb"|H4sI[A-Za-z0-9+/_\-]{17})"
)

# Tokens whose Base64 (or hex) is shorter than a run has to be, by what it begins with.
_SHORT_TOKENS = (
    "AKIA", "ASIA", "DO00", "LTAI", "AKID", "glpat-", "gldt-", "glrt-", "glft-", "glsoat-",
    "glffct-", "glcbt-", "GR1348941", "sq0atp-", "sq0csp-", "NRJS-", "API-", "cfxk_", "endr+",
    "sm_pat_", "lip_", "STS.",
)  # fmt: skip


def _encoded(prefix: str) -> Iterator[Expression]:
    """A literal costs an engine next to nothing; what is behind it is looked at later."""
    text = base64.b64encode(prefix.encode())[: len(prefix) * 8 // 6]
    yield Expression(re.escape(text), (text.lower(),))
    if len(prefix) == _HEX_PREFIX:
        text = prefix.encode().hex().encode()
        yield Expression(text, (text,), caseless=True, plain=True)


SHORT_ENCODED = tuple(one for prefix in _SHORT_TOKENS for one in _encoded(prefix))

_UNICODE = tuple(
    text + rb"[2-7][0-9A-Fa-f]"
    for text in (rb"\\u00", rb"\\u\{(?:00){0,2}", rb"\\U000000", rb"%u00")
)
# Signs that nobody sees within words, as they are and as JSON escapes them, and full-width letters.
_SIGNS = tuple(sign.encode() for sign in "\u00ad\u200b\u200c\u200d\u2060\ufeff")
# None shorter: with four bytes the pass for a hundred secrets takes half as long again.
_UNSEEN_ESCAPED = tuple(b"\\u" + code for code in b"00ad 200 2060 feff ff2 ff3 ff4 ff5".split())
_HIDING = (
    rb"[A-Za-z0-9_\-](?:\xc2\xad|\xe2\x80[\x8b-\x8d]|\xe2\x81\xa0|\xef\xbb\xbf"
    rb"|\\{1,3}u(?:00[aA][dD]|200[b-dB-D]|2060|[fF][eE][fF][fF]))"
    rb"|(?:\xef(?:\xbc[\x90-\x99\xa1-\xba]|\xbd[\x81-\x9a])){2}"
    rb"|(?:\\{1,3}u[fF][fF][1-5][0-9a-fA-F]){2}"
)
# Escape triggers, in the order of ``escapes.unescape``; each is needed once per surface. The others
# need every place, or (runs) are looked for again from the start.
TRIGGERS = (
    Expression(
        rb"%(?:2[BFbf]|3[AD])|%(?:2[Dd]|3[ad]|40|5F|7E)[^0-9]|%25[2-7][0-9A-Fa-f]"
        rb"|%[2-7][0-9A-Fa-f][A-Za-z0-9_\-]{0,3}%[2-7][0-9A-Fa-f]",
        (),
        once=True,
    ),
    Expression(b"|".join(_UNICODE), (b"\\u00", b"\\u{", b"%u00"), once=True),
    Expression(
        rb"\\x[2-7][0-9A-Fa-f][A-Za-z0-9_\-]{0,3}\\{1,2}x[2-7][0-9A-Fa-f]", (b"\\x",), once=True
    ),
    Expression(rb"&#(?:x[2-7][0-9A-Fa-f]|\d{2,3});|&quot;", (b"&#", b"&quot;"), once=True),
    Expression(rb"[A-Za-z0-9+]\\{1,3}/(?:\\{1,3}/)?[A-Za-z0-9+]", (b"\\/",), once=True),
    Expression(
        rb"=3D|=[2-7][0-9A-F][A-Za-z0-9_\-]{0,3}=[2-7][0-9A-F]|[A-Za-z0-9+/]=\r?\n[A-Za-z0-9+/]",
        (),
        once=True,
    ),
    Expression(_HIDING, (), once=True),
    Expression(_SHORT_COMPRESSED, ()),
    Expression(rb"\x1f\x8b\x08", (b"\x1f\x8b\x08",)),
    Expression(rb"PK\x03\x04", (b"pk\x03\x04",), once=True),
    replace(RUN_EXPRESSION, once=True),
)
# Beginnings of compressed data in decoded bytes, of which nothing else tells: (length, expression).
PACKED = ((2, Expression(rb"\x78[\x01\x5e\x9c\xda]")),)
# The same wherever they are: what begins so by chance is seldom, of zlib behind a head alone.
_PACKED_ANYWHERE = (
    Expression(rb"\x28\xb5\x2f\xfd", (b"\x28\xb5\x2f\xfd",)),
    Expression(rb"BZh[1-9](?:1AY|\x17rE)", (b"bzh",)),  # with something in it, and empty
    Expression(rb"\xfd7zXZ\x00", (b"\xfd7zxz\x00",)),
    Expression(rb"\r\n\r\n\x78[\x01\x5e\x9c\xda]", (b"\r\n\r\n\x78",)),
)
PACKED_LENGTHS = (2, 4, 6, 7)  # of these beginnings
ESCAPES = 7  # the first seven
SHORT_TRIGGER = 7
GZIP_TRIGGER = 8
ZIP_TRIGGER = 9
RUN_TRIGGER = 10
BEGINNING_TRIGGER = 11
PACKED_TRIGGER = 12
SPELLED_TRIGGER = 13

# The same triggers for the pass that looks for held secrets as well. In one database with others an
# automaton that has no literal of its own makes the whole pass two to three times as long (0.27 and
# 0.7 ms/MB were measured), so the first is cut into pieces that have one. What these find is looked
# for again with the exact expression.
_PERCENT = (
    rb"%(?:2[BFbf]|3[AD])",
    rb"%2[Dd][^0-9]",
    rb"%3[ad][^0-9]",
    rb"%40[^0-9]",
    rb"%5F[^0-9]",
    rb"%7E[^0-9]",
    rb"%25",
    rb"%[2-7][0-9A-Fa-f][A-Za-z0-9_\-]{0,3}%[2-7][0-9A-Fa-f]",
)
_HEX_ESCAPE = rb"\\x[2-7][0-9A-Fa-f]"  # the whole expression: 0.43 ms/MB instead of 0.28
_LONG = (b"\\u{", b"\\u000000", b"%u00")  # other beginnings of the second, in lower case
_UNSEEN = (*_SIGNS, b"\xef\xbc", b"\xef\xbd")
_BESIDE = (
    *((0, replace(TRIGGERS[0], regex=piece)) for piece in _PERCENT),
    (1, replace(TRIGGERS[1], regex=_UNICODE[0], literals=(b"\\u00",))),
    *(
        (1, Expression(re.escape(text), (text,), once=True, caseless=True, plain=True))
        for text in _LONG
    ),
    (2, replace(TRIGGERS[2], regex=_HEX_ESCAPE)),
    *list(enumerate(TRIGGERS))[3:6],
    *((6, Expression(re.escape(text), (text,), once=True, plain=True)) for text in _UNSEEN),
    *(
        (6, Expression(re.escape(text), (text,), once=True, caseless=True, plain=True))
        for text in _UNSEEN_ESCAPED
    ),
    *list(enumerate(TRIGGERS))[7:],
    *((BEGINNING_TRIGGER, one) for one in SHORT_ENCODED),
    *((PACKED_TRIGGER, one) for one in _PACKED_ANYWHERE),
    *((SPELLED_TRIGGER, one) for one in spelled.EXPRESSIONS),
)
BESIDE = tuple(expression for _, expression in _BESIDE)
KINDS = tuple(kind for kind, _ in _BESIDE)  # which trigger each of BESIDE stands for
