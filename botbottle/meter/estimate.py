"""How many input tokens a request will cost, guessed offline.

For reservations and ``preflight: estimate``. The guess is meant to be high rather than low: it is
a weighted count of byte classes, fitted so that dense text (base64, hex, other alphabets) is not
underrated the way "bytes / 4" underrates it. Images and documents are counted by a fixed price,
not by their base64, and so is what a body only names. Error bounds against real tokenizers:
``docs/metering.md``, measured by ``benchmarks/meter/estimator.py``.

A request that continues a stored conversation (``previous_response_id``, ``conversation``) has a
body far smaller than its input: the tokens of the response it continues are added when they are
known (:class:`Conversations`), and ``UNKNOWN_CONTEXT`` otherwise.
"""

from __future__ import annotations

import string
from collections import OrderedDict
from typing import Any

from botbottle.meter import documents, references
from botbottle.meter.call import Dialect
from botbottle.meter.decode import Undecodable, decode_all
from botbottle.meter.references import IMAGE_TOKENS, UNKNOWN_CONTEXT

BODY_LIMIT = 64 * 1024 * 1024  # bytes of one decoded request body
DOCUMENT_BYTES_PER_TOKEN = 20  # a PDF page of about 60 kB at about 3,000 tokens
FRAME_TOKENS = 16  # message frame of any request
REMEMBERED = 4096  # responses whose size is kept

TOOL_PROMPT = 500  # what providers add to the input when tools are declared

# Tokens per byte, by class of byte, one set a family of tokenizers: the 0.9 quantile of a linear
# fit over 12 kinds of text (benchmarks/meter/estimator.py measures what comes of it).
_LOWER, _UPPER = string.ascii_lowercase.encode(), string.ascii_uppercase.encode()
_DIGIT, _SPACE, _BREAK = string.digits.encode(), b" ", b"\n\r\t"
_HIGH = bytes(range(128, 256))
_PUNCT = bytes(set(range(128)) - set(_LOWER + _UPPER + _DIGIT + _SPACE + _BREAK))
CLASSES = (_LOWER, _UPPER, _DIGIT, _PUNCT, _SPACE, _BREAK, _HIGH)
CLAUDE_WEIGHTS = (0.39, 1.50, 0.84, 0.92, 0.23, 1.40, 0.42)
OTHER_WEIGHTS = (0.195, 1.13, 0.83, 0.72, 0.02, 1.20, 0.225)
_CLAUDE_DIALECTS = frozenset(
    {Dialect.ANTHROPIC, Dialect.ANTHROPIC_BATCH, Dialect.BEDROCK_INVOKE, Dialect.BEDROCK_CONVERSE}
)
MEDIA_KEYS = frozenset({"data", "image_url", "url", "file_data", "bytes", "image"})
MEDIA_MIN = 1024  # a shorter string is counted as text whatever its key


def text_tokens(data: bytes, weights: tuple[float, ...]) -> float:
    """Weighted count of byte classes; data is UTF-8 text."""
    size = len(data)
    counts = (size - len(data.translate(None, chars)) for chars in CLASSES)
    return sum(weight * number for weight, number in zip(weights, counts, strict=True))


def weights_of(dialect: Dialect, model: str) -> tuple[float, ...]:
    """The weights of the tokenizer family: Claude's makes more tokens of the same text."""
    claude = dialect in _CLAUDE_DIALECTS or "claude" in model
    return CLAUDE_WEIGHTS if claude else OTHER_WEIGHTS


def _is_media(key: str, value: str) -> bool:
    if key not in MEDIA_KEYS or len(value) < MEDIA_MIN:
        return False
    return value.startswith("data:") or " " not in value[:MEDIA_MIN]


class _Walk:
    """Splits a request document into text and media."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.media = 0.0

    def visit(self, root: Any) -> None:
        """Walk without recursion: depth is the sender's choice."""
        todo: list[tuple[str, Any, bool, str]] = [("", root, False, "")]
        while todo:
            key, value, document, part = todo.pop()
            if isinstance(value, dict):
                kind = str(value.get("type", "")) + str(value.get("media_type", ""))
                document = document or "document" in kind or "file" in kind or "pdf" in kind
                part = references.part_of(key, value, part)
                self.texts.extend(value)
                todo.extend((k, v, document, part) for k, v in value.items())
            elif isinstance(value, list):
                todo.extend((key, v, document, part) for v in value)
            elif isinstance(value, str):
                self._string(key, value, document, part)
            else:
                self.texts.append(str(value))

    def _string(self, key: str, value: str, document: bool, part: str) -> None:
        if not _is_media(key, value):
            self.texts.append(value)
            self.media += references.price(key, value, part)
        elif document or value.startswith("data:application/"):
            self.media += max(IMAGE_TOKENS, len(value) / DOCUMENT_BYTES_PER_TOKEN)
        else:
            self.media += IMAGE_TOKENS


def estimate_document(doc: Any, dialect: Dialect) -> int:
    """Input tokens of a parsed request body, without any stored conversation."""
    walk = _Walk()
    walk.visit(doc)
    text = "\n".join(walk.texts).encode("utf-8", "surrogatepass")
    fields = doc if isinstance(doc, dict) else {}
    tokens = text_tokens(text, weights_of(dialect, str(fields.get("model", ""))))
    fixed = FRAME_TOKENS + (TOOL_PROMPT if fields.get("tools") else 0)
    return fixed + round(tokens + walk.media)


def parse_body(body: bytes, content_encoding: str) -> dict[str, Any] | None:
    """The request document, or None when the body is not a readable JSON object of bounded size."""
    try:
        doc = documents.read_bounded(decode_all(body, content_encoding, BODY_LIMIT))
    except (Undecodable, ValueError, RecursionError):
        return None
    return doc if isinstance(doc, dict) else None


class Conversations:
    """Sizes of recent responses, so that a turn that builds on one can be estimated.

    Bounded: the least recently used is forgotten. Not shared between bottles.
    """

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._sizes: OrderedDict[str, int] = OrderedDict()

    def remember(self, response_id: str, tokens: int) -> None:
        """The whole of a response (input and output, in tokens) is context for its successor."""
        self._sizes[response_id] = tokens
        self._sizes.move_to_end(response_id)
        if len(self._sizes) > self._limit:
            self._sizes.popitem(last=False)

    def context(self, response_id: str) -> int:
        """Tokens of the response a turn builds on; ``UNKNOWN_CONTEXT`` when not remembered."""
        if response_id in self._sizes:
            self._sizes.move_to_end(response_id)
        return self._sizes.get(response_id, UNKNOWN_CONTEXT)
