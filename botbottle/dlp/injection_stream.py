"""The inbound tripwire on a response that arrives in pieces, in bounded memory.

Two texts are followed: the body as it is and, in an event stream, the text that its deltas spell
out. Of both only the end is kept, twice as long as a pair of phrases can be; so a pair is seen
whatever lies between its words in the stream, and however the stream was cut.
"""

from __future__ import annotations

import codecs
from dataclasses import replace

from botbottle.dlp.findings import Finding
from botbottle.dlp.injection import GAP, LONGEST, judge, normalise, worst
from botbottle.dlp.sse import Deltas

# Bytes of either text that are kept: a pair of phrases and the gap, up to four bytes a character.
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
        self._spelled = _Tail(key, wide)
        self._deltas = Deltas()

    def feed(self, piece: bytes) -> tuple[Finding, ...]:
        """Findings that involve this piece or the text shortly before it, the gravest text's."""
        spelled = self._deltas.feed(piece)
        return worst((self._raw.feed(piece), self._spelled.feed(spelled)))
