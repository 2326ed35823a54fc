"""Undoing what can be undone: escapes, Base64, hex, Base32 and compression, under bounds.

Nothing here parses JSON or MIME; a *view* is another byte string to scan. Which views are worth
making is decided by cheap engine hits: escape triggers, compression magic, and runs of 42 or
more Base64 characters (which hex and Base32 runs also are).
"""

from __future__ import annotations

import binascii
import bz2
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from botbottle.dlp.engines.base import Expression
from botbottle.dlp.engines.linear import program

RUN = 42
_RUN_REGEX = rb"[A-Za-z0-9+/_\-]{42}"
_RUN_BODY = r"[A-Za-z0-9+/_\-]+(?:(?:\\+[rn]|[\r\n]|\\/){1,4}[ \t]{0,8}[A-Za-z0-9+/_\-]{4,})*={0,2}"
_NOISE = bytes(
    c for c in range(256) if not (chr(c).isascii() and chr(c).isalnum()) and c not in b"+/_-"
)
_HEX = b"0123456789abcdefABCDEF"
_DIGITS = b"0123456789"
_B32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567"
# RFC 4648 section 6 digits as the digits of int(text, 32), which is linear for powers of two.
_B32_DIGITS = bytes.maketrans(_B32, b"0123456789abcdefghijklmnop" * 2 + b"qrstuv")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_IMAGES = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"wOF",
    b"\x00\x01\x00\x00",
    b"OTTO",
    b"%PDF",
)
_TEXT = bytes([0, 9, 10, 13, *range(32, 127)])

_ENTITY = re.compile(rb"&#(?:\d{2,4}|[xX][0-9a-fA-F]{2,4});")

RUNS = (Expression(_RUN_REGEX, once=True),)

# Base64 of a zlib header (78 01, 78 5e, 78 9c, 78 da) or of gzip's magic: compressed values are
# shorter than a run has to be.
_SHORT_COMPRESSED = (
    rb"(?:^|[^A-Za-z0-9+/_\-])(?:e(?:A[E-H]|F[4-7]|J[w-z]|N[o-r])[A-Za-z0-9+/_\-]{18}"
    rb"|H4sI[A-Za-z0-9+/_\-]{17})"
)
SHORT = 21

# Escape triggers, in the order of ESCAPES below; each is needed once per surface.
TRIGGERS = (
    Expression(
        rb"%(?:2[BbDdFf]|3[ADad]|40|5F|7E)[^0-9]|(?:%(?:25)*[2-7][0-9A-Fa-f]){3}", (), once=True
    ),
    Expression(rb"\\u00[2-7][0-9A-Fa-f]", (b"\\u00",), once=True),
    Expression(rb"(?:\\x[2-7][0-9A-Fa-f]){2}", (b"\\x",), once=True),
    Expression(rb"&#(?:x[2-7][0-9A-Fa-f]|\d{2,3});", (b"&#",), once=True),
    Expression(rb"[A-Za-z0-9+]\\{1,3}/[A-Za-z0-9+]", (b"\\/",), once=True),
    Expression(rb"=[2-7][0-9A-F]=[2-7][0-9A-F]|[A-Za-z0-9+/]=\r?\n[A-Za-z0-9+/]", (), once=True),
    Expression(_SHORT_COMPRESSED, ()),
    Expression(rb"\x1f\x8b\x08", (b"\x1f\x8b\x08",)),
    Expression(rb"PK\x03\x04", (b"pk\x03\x04",), once=True),
)
SHORT_TRIGGER = 6
GZIP_TRIGGER = 7
ZIP_TRIGGER = 8


@dataclass(slots=True)
class Budget:
    """What decoding may still produce; one per message."""

    left: int
    ratio: int
    exceeded: bool = False

    def take(self, size: int) -> bool:
        """Account for ``size`` decoded bytes; False (and ``exceeded``) when that is too much."""
        self.left -= size
        self.exceeded = self.exceeded or self.left < 0
        return not self.exceeded


MANY = 64  # occurrences of an escape from which the whole surface is unescaped
_GRID, _OVERLAP = 65536, 1024


def windows(ends: list[int] | None, size: int) -> Iterator[tuple[int, int]]:
    """Where to unescape: around the given ends, or (None) everything in overlapping pieces."""
    if ends is None:
        for low in range(0, size, _GRID):
            yield low, min(size, low + _GRID + _OVERLAP)
        return
    low = high = 0
    for end in ends:
        if end - 400 > high:
            if high:
                yield low, high
            low = max(0, end - 400)
        high = min(size, end + 800)
    if high:
        yield low, high


def unescape(index: int, data: bytes) -> tuple[str, bytes]:
    """The view for trigger ``index``: its name and the text with that escape undone."""
    name, undo = _ESCAPES[index]
    return name, undo(data)


def _unicode(data: bytes) -> bytes:
    data = data.replace(b"\\\\", b"\\")
    return data.decode("raw_unicode_escape", "replace").encode("latin-1", "replace")


def _hex_escapes(data: bytes) -> bytes:
    return percent(data.replace(b"%", b"%25").replace(b"\\\\x", b"%").replace(b"\\x", b"%"))


def percent(data: bytes) -> bytes:
    """RFC 3986 section 2.1 undone once; a ``%`` that begins no escape stays.

    The codec is far faster than ``unquote_to_bytes`` where escapes are dense, but takes only valid
    ones (hence an escape cut off at the end is set aside).
    """
    cut = data.rfind(b"%", max(0, len(data) - 2))
    whole, rest = (data, b"") if cut < 0 else (data[:cut], data[cut:])
    escaped = whole.replace(b"\\", b"\\u005c").replace(b"%", b"\\u00")
    try:
        return escaped.decode("raw_unicode_escape").encode("latin-1") + rest
    except UnicodeDecodeError:
        return unquote_to_bytes(data)


def _entities(data: bytes) -> bytes:
    """Numeric references of printable ASCII; one C-speed replace for each that occurs."""
    for form in set(_ENTITY.findall(data)):
        digits = form[2:-1]
        code = int(digits[1:], 16) if digits[:1] in b"xX" else int(digits)
        if 32 <= code < 127:
            data = data.replace(form, bytes([code]))
    return data.replace(b"&amp;", b"&")


def _slashes(data: bytes) -> bytes:
    return data.replace(b"\\\\/", b"/").replace(b"\\/", b"/")


def _quoted_printable(data: bytes) -> bytes:
    return binascii.a2b_qp(data)


_ESCAPES: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("percent", percent),
    ("unicode", _unicode),
    ("hex-escape", _hex_escapes),
    ("html", _entities),
    ("slashes", _slashes),
    ("quoted-printable", _quoted_printable),
)


def run_span(surface: memoryview, end: int) -> tuple[int, int]:
    """The whole run (continued over line breaks) whose 42nd character ends at ``end``."""
    start = end - RUN
    return start, _run_end(surface, start)


def _run_end(surface: memoryview, start: int) -> int:
    size = 4096
    while True:
        window = surface[start : start + size].tobytes()
        match = program(_RUN_BODY).match(window)
        length = match.end() if match else SHORT
        if length < size - 64 or start + size >= len(surface):
            return start + length
        size *= 16


def short_runs(surface: memoryview, ends: list[int]) -> Iterator[tuple[int, int]]:
    """Spans of the short runs whose beginning looks compressed."""
    for end in ends[:64]:
        yield end - SHORT, _run_end(surface, end - SHORT)


def worth(run: bytes) -> bool:
    """False for identifiers, paths and rulers: Base64 mixes cases and digits, hex and Base32 show
    in their alphabets."""
    head = run[:256].rstrip(b"=")
    if not head.translate(None, _HEX) or not head.translate(None, _B32):
        return True
    has_digit = len(head.translate(None, _DIGITS)) < len(head)
    return has_digit and head != head.lower() and head != head.upper()


def decode_run(run: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Plausible decodings of a run of Base64 characters: (layer, data)."""
    if b"\\" in run:
        run = run.replace(b"\\n", b"").replace(b"\\r", b"").replace(b"\\/", b"/")
    clean = run.translate(None, _NOISE)
    head = clean[:256]
    if not head.translate(None, _HEX):
        yield from _keep("hex", _unhex(clean), budget)
        return
    if not head.translate(None, _B32):
        yield from _keep("base32", _unbase32(clean), budget)
    for piece in _pieces(clean):
        for shift in range(4):
            verdict = _sampled(piece, shift)
            if verdict == "image":
                return
            if verdict:
                yield from _keep("base64", _unbase64(piece[shift:]), budget)
                break


def _pieces(clean: bytes) -> list[bytes]:
    """A run that mixes both alphabets is a path with something in it: judge its elements."""
    if (b"/" in clean or b"+" in clean) and (b"_" in clean or b"-" in clean):
        parts = [part for part in clean.split(b"/") if len(part) >= RUN]
        return parts if b"+" not in clean else [clean]
    return [clean]


def _sampled(piece: bytes, shift: int) -> str:
    """What the decoding would be, judged by up to three samples of 96 bytes."""
    head = _unbase64(piece[shift : shift + 128])
    if head.startswith(_IMAGES):
        return "image"
    if compressed(head) or _texty(head[:96]):
        return "data"
    if len(head) <= 48:
        return ""  # all of it was judged
    if len(piece) <= 256:
        whole = head if len(piece) <= shift + 128 else _unbase64(piece[shift:])
        return "data" if _texty(whole[-48:]) else ""
    middle = shift + (len(piece) // 8) * 4
    tail = shift + (len(piece) - 128 - shift) // 4 * 4
    samples = (_unbase64(piece[at : at + 128]) for at in (middle, tail))
    return "data" if any(_texty(sample) for sample in samples) else ""


def _keep(layer: str, data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    if len(data) >= 8 and budget.take(len(data)):
        yield layer, data


def _texty(part: bytes) -> bool:
    odd = len(part.translate(None, _TEXT))
    return len(part) >= 8 and odd * 100 <= 8 * len(part) and part.count(0) * 3 <= 2 * len(part)


def _unhex(run: bytes) -> bytes:
    try:
        return binascii.unhexlify(run[: len(run) // 2 * 2])
    except binascii.Error:
        return b""


def _unbase64(run: bytes) -> bytes:
    run = run.translate(_STANDARD)
    run = run[:-1] if len(run) % 4 == 1 else run
    return binascii.a2b_base64(run + b"=="[: -len(run) % 4])


def _unbase32(run: bytes) -> bytes:
    run = run[: len(run) // 8 * 8]
    if not run or run.translate(None, _B32):
        return b""
    return int(run.translate(_B32_DIGITS), 32).to_bytes(len(run) // 8 * 5, "big")


def compressed(data: bytes) -> str:
    """The compression a byte string starts with, or ""."""
    if data[:3] == b"\x1f\x8b\x08":
        return "gzip"
    if (
        len(data) > 2
        and data[0] & 0x8F == 8
        and data[0] == 0x78
        and (data[0] << 8 | data[1]) % 31 == 0
    ):
        return "zlib"
    if data[:4] == b"\x28\xb5\x2f\xfd":
        return "zstd"
    if data[:3] == b"BZh":
        return "bzip2"
    return "xz" if data[:6] == b"\xfd7zXZ\0" else ""


def inflate(kind: str, data: bytes, budget: Budget) -> bytes:
    """Decompress under the budget; what was readable, b"" when nothing was."""
    cap = min(max(0, budget.left), max(65536, len(data) * budget.ratio)) + 1
    try:
        out = _decompress(kind, data, cap)
    except (zlib.error, OSError, EOFError, lzma.LZMAError, ValueError):
        return b""
    if len(out) >= cap:
        budget.exceeded = True
    budget.take(len(out))
    return out


def _decompress(kind: str, data: bytes, cap: int) -> bytes:
    if kind in ("gzip", "zlib"):
        return _partial(zlib.decompressobj(47), data, cap)
    if kind == "bzip2":
        return bz2.BZ2Decompressor().decompress(data, cap)
    if kind == "xz":
        return lzma.LZMADecompressor(memlimit=64 << 20).decompress(data, cap)
    from botbottle.dlp.coding import unzstd

    return unzstd(data, cap)


def _partial(engine: zlib._Decompress, data: bytes, cap: int) -> bytes:
    """Decompress chunk by chunk, so that damage at the end does not hide the beginning."""
    out = bytearray()
    for at in range(0, len(data), 65536):
        try:
            out += engine.decompress(data[at : at + 65536], cap - len(out))
        except zlib.error:
            break
        if len(out) >= cap or engine.eof:
            break
    return bytes(out)


def unzip(data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """(name, content) of a ZIP archive's members (APPNOTE.TXT), each under the budget."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist()[:256]:
                cap = min(budget.left, max(65536, info.compress_size * budget.ratio))
                with archive.open(info) as member:
                    content = member.read(cap + 1)
                budget.exceeded = budget.exceeded or len(content) > cap
                if not budget.take(len(content)):
                    return
                yield info.filename, content
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, zlib.error, EOFError):
        return
