"""The inbound tripwire on a response that arrives in pieces, in bounded memory.

Followed are the body as it is and, in a stream of deltas, what they spell out: all together, and
each part by itself. Of all only the end is kept, twice as long as a pair of phrases can be; so a
pair is seen whatever lies between its words in the stream, and however the stream was cut.
"""

from __future__ import annotations

import codecs
from dataclasses import replace
from functools import partial

from botbottle.dlp.findings import Finding
from botbottle.dlp.injection import GAP, LONGEST, judge, normalise, worst
from botbottle.dlp.sse import PARTS, Deltas, Part

# Bytes of each text that are kept: a pair of phrases and the gap, up to four bytes a character.
KEPT = 4 * (GAP + 2 * LONGEST)


class _Tail:
    """The end of a text that grows."""

    def __init__(self, key: bytes, wide: bool) -> None:
        self._key, self._wide = key, wide
        self._text, self._base = b"", 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, more: bytes) -> tuple[Finding, ...]:
        """Findings in what is kept and ``more``; offsets count from the beginning of the text."""
        plain = more.isascii() and not self._decoder.getstate()[0]
        more = more if plain else self._decoder.decode(more).encode()
        if not more:
            return ()
        # What is kept has no invisible characters: they take no room between two phrases.
        text = normalise(self._text + more)
        found = judge(text, self._key, self._wide)
        moved = tuple(replace(finding, offset=finding.offset + self._base) for finding in found)
        self._text = text[-KEPT:]
        self._base += len(text) - len(self._text)
        return moved


class InjectionStream:
    """Feed the decoded pieces of one response body; each feed says what is known by then."""

    def __init__(self, key: bytes, *, wide: bool = False) -> None:
        self._raw = _Tail(key, wide)
        self._new = partial(_Tail, key, wide)
        self._joined, self._parts = self._new(), dict[Part, _Tail]()
        self._deltas = Deltas()

    def feed(self, piece: bytes) -> tuple[Finding, ...]:
        """Findings that involve this piece or the text shortly before it, the gravest text's."""
        spelled = self._deltas.feed(piece)
        parts: dict[Part, list[bytes]] = {}
        for part, text in spelled:
            parts.setdefault(part, []).append(text)
        found = [self._raw.feed(piece), self._joined.feed(b"".join(text for _, text in spelled))]
        found += (self._tail(part).feed(b"".join(texts)) for part, texts in parts.items())
        return worst(found)

    def _tail(self, part: Part) -> _Tail:
        """Of more parts the one that was begun first is dropped."""
        if part not in self._parts:
            if len(self._parts) >= PARTS:
                del self._parts[next(iter(self._parts))]
            self._parts[part] = self._new()
        return self._parts[part]
