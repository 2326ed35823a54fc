"""Which views of a surface are worth making: cheap hits in the same pass as the held secrets."""

from __future__ import annotations

from botbottle.dlp.engines.base import Expression
from botbottle.dlp.runs import RUN_EXPRESSION

# Base64 of a zlib header (78 01, 78 5e, 78 9c, 78 da) or of gzip's magic: compressed values are
# shorter than a run has to be.
_SHORT_COMPRESSED = (
    rb"(?:^|[^A-Za-z0-9+/_\-])(?:e(?:A[E-H]|F[4-7]|J[w-z]|N[o-r])[A-Za-z0-9+/_\-]{18}"
    rb"|H4sI[A-Za-z0-9+/_\-]{17})"
)

# Escape triggers, in the order of ``escapes.unescape``; each is needed once per surface. The others
# need every place, or (runs) are looked for again from the start.
TRIGGERS = (
    Expression(
        rb"%(?:2[BFbf]|3[AD])|%(?:2[Dd]|3[ad]|40|5F|7E)[^0-9]|%25[2-7][0-9A-Fa-f]"
        rb"|%[2-7][0-9A-Fa-f]%[2-7][0-9A-Fa-f]%[2-7]",
        (),
        once=True,
    ),
    Expression(rb"\\u00[2-7][0-9A-Fa-f]", (b"\\u00",), once=True),
    Expression(rb"(?:\\x[2-7][0-9A-Fa-f]){2}", (b"\\x",), once=True),
    Expression(rb"&#(?:x[2-7][0-9A-Fa-f]|\d{2,3});", (b"&#",), once=True),
    Expression(rb"[A-Za-z0-9+]\\{1,3}/[A-Za-z0-9+]", (b"\\/",), once=True),
    Expression(rb"=[2-7][0-9A-F]=[2-7][0-9A-F]|[A-Za-z0-9+/]=\r?\n[A-Za-z0-9+/]", (), once=True),
    Expression(_SHORT_COMPRESSED, ()),
    Expression(rb"\x1f\x8b\x08", (b"\x1f\x8b\x08",)),
    Expression(rb"PK\x03\x04", (b"pk\x03\x04",), once=True),
    RUN_EXPRESSION,
)
# Beginnings of compressed data in decoded bytes: (length, expression).
PACKED = (
    (2, Expression(rb"\x78[\x01\x5e\x9c\xda]")),
    (4, Expression(rb"\x28\xb5\x2f\xfd", (b"\x28\xb5\x2f\xfd",))),
    (7, Expression(rb"BZh[1-9]1AY", (b"bzh",))),
    (6, Expression(rb"\xfd7zXZ\x00", (b"\xfd7zxz\x00",))),
)
ESCAPES = 6  # the first six
SHORT_TRIGGER = 6
GZIP_TRIGGER = 7
ZIP_TRIGGER = 8
RUN_TRIGGER = 9
