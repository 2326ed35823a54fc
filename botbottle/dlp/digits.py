"""What a run of Base64 characters holds: Base64, hex or Base32, glued to words or not.

Twenty thousand runs may be looked at one by one, so each look is a few calls into C.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from botbottle.dlp.budget import Budget
from botbottle.dlp.inflate import MAGICS, compressed
from botbottle.dlp.runs import NOISE, RUN
from botbottle.dlp.wordlike import wordlike

_WORDS = 0.72  # no random run of this length is as much like words, names of classes are
_HEX = b"0123456789abcdefABCDEF"
_SMALLER = (_HEX, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"abcdefghijklmnopqrstuvwxyz234567")
_DIGITS = b"0123456789"
_B32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567"
# RFC 4648 section 6 digits as the digits of int(text, 32), which is linear for powers of two.
_B32_DIGITS = bytes.maketrans(_B32, b"0123456789abcdefghijklmnop" * 2 + b"qrstuv")
_GLUED = b"/_-+"
_GLUE = bytes.maketrans(_GLUED, b"    ")
_HEAD = 256  # bytes of a run that tell of what kind it is
# What compressed data begins with in Base64, behind a word that is glued to it, and what is in
# every such place.
_PACKED = re.compile(
    rb"H4sI|Qlpo[MNO]|[/_]Td6WFo|UEsDB|KLUv[/_]|(?<=[/_+\-])e(?:A[E-H]|F[4-7]|J[w-z]|N[o-r])"
)
_IN_PACKED = (b"H4sI", b"Qlpo", b"Td6WFo", b"UEsDB", b"KLUv", b"/e", b"_e", b"+e", b"-e")
_STANDARD = bytes.maketrans(b"-_", b"+/")
# Pictures, fonts and documents, whose middle is compressed, by more than an agent may put in front
# of something else by the way: only their ends are looked at.
_IMAGES = re.compile(
    rb"\x89PNG\r\n\x1a\n\0\0\0\rIHDR|\xff\xd8\xff[\xc0-\xfe]..|GIF8[79]a|RIFF....WEBP"
    rb"|wOF[F2](?:\0\x01\0\0|OTTO|true)|\0\x01\0\0\0[\x01-\x40]..|OTTO\0[\x01-\x40]|%PDF-[12]\.\d",
    re.DOTALL,
)
_BEGUN = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"wOF", b"%PDF")  # and is none
_EDGE = 64 * 1024 * 4 // 3 // 4 * 4  # characters of each of its ends
_DATA = (*MAGICS, *_BEGUN, b"PK\x03\x04")
_TEXT = bytes([0, 9, 10, 13, *range(32, 127)])


def _members(alphabet: bytes, others: bytes) -> bytes:
    """A table that makes members of an alphabet ``x``, glue a blank."""
    table = bytearray(others * 256)
    for letters, mark in ((alphabet, b"x"), (_GLUED, b" ")):
        for letter in letters:
            table[letter] = mark[0]
    return bytes(table)


_TABLES = tuple(_members(alphabet, b" ") for alphabet in _SMALLER)
_MIXED = _members(_B32, b"|")
_LONG = b"x" * RUN


def worth(run: bytes) -> bool:
    """False for identifiers, paths and rulers: Base64 mixes cases and digits, hex and Base32 show
    in their alphabets."""
    head = digits(run[:_HEAD])
    if _plausible(head):
        return True
    parts = head.translate(_GLUE).split()
    long = [part for part in parts if len(part) >= RUN]
    if not long:  # most identifiers
        return False
    if len(parts) > 1 and any(map(_plausible, long)):
        return True
    return any(_long_in(head.translate(table)) for table in _TABLES)


def _plausible(head: bytes) -> bool:
    if not head.translate(None, _HEX) or not head.translate(None, _B32):
        return True
    has_digit = len(head.translate(None, _DIGITS)) < len(head)
    if not has_digit or head == head.lower() or head == head.upper():
        return False
    return not wordlike(head[:64], _WORDS)


def _long_in(members: bytes) -> bool:
    return _LONG in members


def smaller(clean: bytes) -> Iterator[bytes]:
    """Long stretches of hex or Base32 in a run, what is glued to them left out: of the letters of
    one case wherever they are, of both cases only between what glues."""
    for table in _TABLES:
        members = clean.translate(table) + b" "
        at = members.find(_LONG)
        while at >= 0:
            end = members.find(b" ", at)
            yield clean[at:end]
            at = members.find(_LONG, end)
    members = b" " + clean.translate(_MIXED) + b" "
    at = members.find(b" " + _LONG)
    while at >= 0:
        end = members.find(b" ", at + 1)
        if b"|" not in members[at:end]:
            yield clean[at : end - 1]
        at = members.find(b" " + _LONG, end)


def decode_run(run: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """Plausible decodings of a run of Base64 characters: (layer, data)."""
    clean = digits(run)
    head = clean[:_HEAD]
    if not head.translate(None, _HEX) and not clean.translate(None, _HEX):
        yield from _hex(clean, budget)
        yield from _base32(clean, budget)
        return
    yield from _base32(clean, budget)
    for part in dict.fromkeys(smaller(clean)) if len(clean) > RUN else ():
        if part != clean:
            yield from _glued(part, budget)
    pieces = _pieces(clean)
    packed = any(text in head for text in _IN_PACKED)
    begin = _PACKED.search(head, int(pieces[:1] == [clean])) if packed else None
    for piece in (*pieces, *([clean[begin.start() :]] if begin else ())):
        standard = piece.translate(_STANDARD)
        for shift in range(4):
            verdict = _sampled(standard, shift)
            if verdict == "image":
                yield from _keep("base64", _edges(standard[shift:]), budget)
                return
            if verdict:
                yield from _keep("base64", _unbase64(standard[shift:]), budget)
                break


def _hex(text: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    yield from _keep("hex", _unhex(text), budget)
    if len(text) % 2:  # one more digit in front, or behind
        yield from _keep("hex", _unhex(text[1:]), budget)


def _base32(text: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    if not text[:_HEAD].translate(None, _B32):
        yield from _keep("base32", _unbase32(text), budget)


def _glued(part: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    """A stretch in a run. Words around it may end and begin with digits, so that of an even number
    of them two may be foreign."""
    if not part[:_HEAD].translate(None, _HEX):
        yield from _keep("hex", _unhex(part), budget)
        yield from _keep("hex", _unhex(part[1:]), budget)
    yield from _base32(part, budget)


def digits(run: bytes) -> bytes:
    """A run without line breaks and padding."""
    if b"\\" in run:
        run = run.replace(b"\\n", b"").replace(b"\\r", b"").replace(b"\\/", b"/")
    return run.translate(None, NOISE)


def in_pieces(run: bytes) -> bool:
    """Whether a run mixes both alphabets: it is a path with something in it."""
    return (b"/" in run or b"+" in run) and (b"_" in run or b"-" in run)


def _pieces(clean: bytes) -> list[bytes]:
    """Of a path the elements, each to be judged by itself."""
    if in_pieces(clean):
        parts = [part for part in clean.split(b"/") if len(part) >= RUN]
        return parts if b"+" not in clean else [clean]
    return [clean]


def _sampled(piece: bytes, shift: int) -> str:
    """What the decoding would be, judged by up to three samples of 96 bytes."""
    head = _sample(piece, shift)
    if _IMAGES.match(head):
        return "image"
    if _texty(head) or (head.startswith(_DATA) and (head[:1] != b"x" or compressed(head))):
        return "data"
    if len(head) <= 48:
        return ""  # all of it was judged
    last = shift + (len(piece) - shift) // 4 * 4
    if len(piece) <= 256:
        return "data" if _texty(_sample(piece, max(shift, last - 64))) else ""
    places = (shift + (len(piece) // 8) * 4, last - 128)
    return "data" if any(_texty(_sample(piece, at)) for at in places) else ""


def _edges(text: bytes) -> bytes:
    if len(text) <= 2 * _EDGE:
        return _unbase64(text)
    last = len(text) // 4 * 4 - _EDGE
    return _unbase64(text[:_EDGE]) + b"\n" + _unbase64(text[last:])


def _sample(piece: bytes, at: int) -> bytes:
    """Up to 96 bytes decoded from ``at`` on, whole groups of four characters only."""
    return binascii.a2b_base64(piece[at : at + min(128, (len(piece) - at) // 4 * 4)])


def _keep(layer: str, data: bytes, budget: Budget) -> Iterator[tuple[str, bytes]]:
    if len(data) >= 8 and budget.take(len(data)):
        yield layer, data


def _texty(part: bytes) -> bool:
    odd = len(part.translate(None, _TEXT))
    return odd * 100 <= 8 * len(part) and len(part) >= 8 and part.count(0) * 3 <= 2 * len(part)


def _unhex(run: bytes) -> bytes:
    try:
        return binascii.unhexlify(run[: len(run) // 2 * 2])
    except binascii.Error:
        return b""


def _unbase64(run: bytes) -> bytes:
    run = run[:-1] if len(run) % 4 == 1 else run
    return binascii.a2b_base64(run + b"=="[: -len(run) % 4])


def _unbase32(run: bytes) -> bytes:
    """All whole bytes, also of a run that was cut or is glued to something."""
    if not run or run.translate(None, _B32):
        return b""
    size, over = divmod(5 * len(run), 8)
    return (int(run.translate(_B32_DIGITS), 32) >> over).to_bytes(size, "big")
