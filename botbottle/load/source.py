"""One manifest file as text: read with limits, decoded, and cut into front matter and body.

Newlines become ``\\n`` and a UTF-8 byte order mark is dropped before anything is counted, so
lines and columns are the same on every platform.
"""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from botbottle.load.fault import Fault
from botbottle.load.limits import MAX_FRONT_CHARS, SNIPPET_CHARS
from botbottle.load.rawfile import read_bytes
from botbottle.model.diagnostic import Layer, Origin

_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)
# Characters that a reviewer cannot see but a parser obeys: other line breaks, bidi controls,
# zero-width and tag characters (the carriers of hidden instructions).
_HIDDEN = re.compile(
    "[\u0085\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]"
)
# What YAML does not allow at all; its reader does not say where it found them.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")


class Source(Struct, frozen=True):
    """A file's text. ``file`` is its path below the layer's root; ``front`` starts on line
    ``front_line`` (1-based) and ``body`` follows the closing fence."""

    file: str
    layer: Layer
    text: str
    front: str
    front_line: int
    body: str = ""

    def origin(self, line: int = 0, column: int = 0) -> Origin:
        """A place in this file."""
        return Origin(self.file, line, column, self.layer)

    def line(self, number: int) -> str:
        """Line ``number`` (1-based) without its end, cut to a readable length; empty if none."""
        if number < 1:
            return ""
        start = 0
        for _ in range(number - 1):
            start = self.text.find("\n", start) + 1
            if start == 0:
                return ""
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)][:SNIPPET_CHARS]


def read_text(path: Path, *, of_project: bool = False) -> str:
    """The decoded text of a regular file. Raises Fault."""
    return text_of(read_bytes(path, of_project=of_project))


def text_of(data: bytes) -> str:
    """A file's bytes as text, with one kind of line break. Raises Fault."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Fault("BB2003", "the file is UTF-16", 1, 1, "save it as UTF-8")
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        head = data[: error.start].replace(b"\r\n", b"\n")
        line = head.count(b"\n") + 1
        column = len(head[head.rfind(b"\n") + 1 :].decode(errors="replace")) + 1
        byte = f"0x{data[error.start]:02x}"
        raise Fault(
            "BB2003", f"byte {byte} is not UTF-8", line, column, "save the file as UTF-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def cut(text: str, file: str, layer: Layer) -> Source:
    """Split Markdown into front matter and body. Raises Fault when there is no front matter."""
    opening = _FENCE.match(text)
    if not opening:
        raise Fault(
            "BB2010",
            "the file does not start with front matter",
            1,
            1,
            "begin the file with a line of three dashes, the keys, and a second such line",
        )
    closing = _FENCE.search(text, opening.end())
    if not closing:
        raise Fault(
            "BB2010", "the front matter is not closed", 1, 1, "add a line of three dashes below it"
        )
    front = text[opening.end() + 1 : closing.start()]
    body = text[closing.end() :].strip("\n")
    source = Source(file, layer, text, front, 2, body)
    check_front(source)
    return source


def whole(text: str, file: str, layer: Layer) -> Source:
    """A plain YAML file: all of it is front."""
    source = Source(file, layer, text, text, 1)
    check_front(source)
    return source


def check_front(source: Source) -> None:
    """Refuse what is too long and what a reviewer could not see. Raises Fault."""
    if len(source.front) > MAX_FRONT_CHARS:
        raise Fault(
            "BB2002",
            f"the keys take more than {MAX_FRONT_CHARS} characters",
            1,
            1,
            "move some of them into another bottle file, and extend that",
        )
    if found := _CONTROL.search(source.front):
        line, column = _position(source.front, found.start())
        raise Fault(
            "BB2011",
            "control characters are not allowed",
            source.front_line + line - 1,
            column,
            "delete them",
        )
    if not source.front.isascii() and (found := _HIDDEN.search(source.front)):
        line, column = _position(source.front, found.start())
        raise Fault(
            "BB2018",
            f"invisible character U+{ord(found[0]):04X}",
            source.front_line + line - 1,
            column,
            "delete it; in text, write it as an escape inside double quotes",
        )


def hidden_in_body(source: Source) -> tuple[int, int, str] | None:
    """Line, column and name of the first invisible character of the body, if any."""
    if source.body.isascii() or not (found := _HIDDEN.search(source.body)):
        return None
    offset = source.text.find(source.body, len(source.front))
    line, column = _position(source.text, offset + found.start())
    return line, column, f"U+{ord(found[0]):04X}"


def _position(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
