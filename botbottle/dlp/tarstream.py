"""A tar read once, front to back, in bounded memory, whoever wrote it.

The standard library's reader holds a whole pax header in memory, however long it claims to be,
and a list of all members; a tar inside a bottle's volume may be made to exploit both. Formats:
POSIX ustar and pax (IEEE 1003.1, pax "Interchange Format"), GNU long names and base-256 sizes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from botbottle.dlp.packed import CutOff, Damaged, Part, Readable

BLOCK = 512
HEADER_CAP = 64 * 1024  # bytes of a pax header or long name that are understood; more is skipped
_FILES = b"0\x007"
_PAX, _PAX_ALL, _LONG_NAME, _LONG_LINK = b"x", b"g", b"L", b"K"


@dataclass(frozen=True, slots=True)
class Member:
    """``header``: the raw block and the extended header before it, to be searched as they are;
    ``content``: the file's bytes, to be read before the next member; None for what has none."""

    name: str
    header: bytes
    content: Part | None


def is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def members(source: Readable) -> Iterator[Member]:
    """Members in order, up to and with the first empty block. Raises Damaged where it is no tar
    any more and where it is cut off."""
    before, path, size = b"", "", -1
    while any(block := source.read(BLOCK)) or len(block) < BLOCK:
        if len(block) < BLOCK:
            raise CutOff("cut off")
        if not is_tar(block):
            raise Damaged("no tar header")
        kind, length = block[156:157], _number(block[124:136])
        if kind in (_PAX, _PAX_ALL, _LONG_NAME, _LONG_LINK):
            text = _extension(source, length)
            before += block + text
            if len(before) > 4 * HEADER_CAP:
                raise Damaged("one header after another")
            if kind == _PAX:
                path, size = _pax(text, path, size)
            elif kind == _LONG_NAME:
                path = text.rstrip(b"\0").decode(errors="replace")
            continue
        length = size if size >= 0 else length
        part = Part(source, length) if kind in _FILES else None
        yield Member(path or _name(block), before + block, part)
        _skip(source, part.left if part else length)
        _skip(source, -length % BLOCK)
        before, path, size = b"", "", -1


def _extension(source: Readable, length: int) -> bytes:
    text = source.read(min(length, HEADER_CAP))
    _skip(source, length - len(text) + -length % BLOCK)
    return text


def _skip(source: Readable, length: int) -> None:
    while length > 0:
        taken = len(source.read(min(length, HEADER_CAP)))
        if not taken:
            raise CutOff("cut off")
        length -= taken


def _number(field: bytes) -> int:
    """Octal, or GNU's base 256 for what does not fit (first byte 0x80)."""
    if field[0] & 0x80:
        found = int.from_bytes(field[1:], "big")
    else:
        text = field.strip(b" \0")
        if not all(c in b"01234567" for c in text):
            raise Damaged("no size")
        found = int(text or b"0", 8)
    return found


def _name(block: bytes) -> str:
    prefix, name = block[345:500].split(b"\0")[0], block[:100].split(b"\0")[0]
    whole = prefix + b"/" + name if prefix and block[263:265] == b"00" else name
    return whole.decode(errors="replace")


def _pax(text: bytes, path: str, size: int) -> tuple[str, int]:
    """``path`` and ``size`` of the records ``LENGTH KEY=VALUE\\n``. A value may hold line breaks:
    LENGTH, which counts the whole record, is what ends one."""
    while record := _record(text):
        key, found, value = record.partition(b" ")[2][:-1].partition(b"=")
        if found and key == b"path":
            path = value.decode(errors="replace")
        elif found and key == b"size" and value.isdigit():
            size = int(value[:20])
        text = text[len(record) :]
    return path, size


def _record(text: bytes) -> bytes:
    """The first record; empty where there is none, or none that is whole."""
    number, found, _ = text.partition(b" ")
    length = int(number) if found and number.isdigit() and len(number) < 8 else 0
    record = text[:length]
    return record if len(record) == length and record.endswith(b"\n") else b""
