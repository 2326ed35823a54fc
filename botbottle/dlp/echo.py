"""Scrubbing held secrets out of responses, chunk by chunk, without changing any length.

An upstream that echoes a request (a debug endpoint, an error page) would hand the injected
credential to the agent. Every occurrence of a held value, plain or in one of the common textual
forms, is overwritten with ``*`` of the same length, so framing and Content-Length stay right.

A chunk is delayed only by the bytes that could be the beginning of a secret; text that cannot be
passes at once, so streamed answers are not held up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from botbottle.dlp.known.variants import Variant, variants

_FORMS = frozenset(
    ["plain", "json", "percent", "base64", "hex", "base32", "reversed", "unicode-escape"]
)
_LEAST = 8  # shorter values would scrub ordinary text


class EchoSecrets:
    """The byte strings to scrub, compiled once and shared by all streams. Immutable."""

    def __init__(self, secrets: Mapping[str, bytes] | Iterable[bytes]) -> None:
        values = secrets.values() if isinstance(secrets, Mapping) else secrets
        forms = {text for value in values if len(value) >= _LEAST for text in _texts(value)}
        self._by_head: dict[bytes, list[bytes]] = {}
        for text in sorted(forms, key=len, reverse=True):
            self._by_head.setdefault(text[:4], []).append(text)
        self._prefixes = {text[:n] for text in forms for n in range(1, 4)}
        self.longest = max((len(text) for text in forms), default=0)
        self._heads = tuple(self._by_head)

    def __repr__(self) -> str:
        return f"EchoSecrets({len(self._heads)} heads)"

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Where secrets are, as (start, end); overlapping ones merge in the caller's eyes."""
        found: list[tuple[int, int]] = []
        for head in self._heads:
            at = data.find(head)
            while at >= 0:
                found.extend(
                    (at, at + len(text))
                    for text in self._by_head[head]
                    if data.startswith(text, at)
                )
                at = data.find(head, at + 1)
        return found

    def held_back(self, data: bytes) -> int:
        """Length of the shortest tail that must wait: it may be the beginning of a secret."""
        tail = data[-self.longest + 1 :] if self.longest > 1 else b""
        for at in range(len(tail)):
            rest = tail[at:]
            if len(rest) < 4:
                if rest in self._prefixes:
                    return len(rest)
            elif any(text.startswith(rest) for text in self._by_head.get(rest[:4], ())):
                return len(rest)
        return 0


class EchoScrubber:
    """One response body: :meth:`feed` chunks, send what it returns, :meth:`finish` at the end."""

    def __init__(self, secrets: EchoSecrets) -> None:
        self._secrets = secrets
        self._held = b""
        self.scrubbed = 0

    def feed(self, chunk: bytes) -> bytes:
        """The bytes that may be sent now."""
        if not self._secrets.longest:
            return chunk
        data = self._scrub(self._held + chunk)
        wait = self._secrets.held_back(data)
        self._held = data[len(data) - wait :]
        return data[: len(data) - wait]

    def finish(self) -> bytes:
        """What was still held back."""
        rest, self._held = self._held, b""
        return rest

    def _scrub(self, data: bytes) -> bytes:
        spans = self._secrets.spans(data)
        if not spans:
            return data
        out = bytearray(data)
        for start, end in spans:
            out[start:end] = b"*" * (end - start)
        self.scrubbed += len(spans)
        return bytes(out)


def _texts(value: bytes) -> Iterable[bytes]:
    forms: Iterable[Variant] = variants(value)
    for form in forms:
        if form.codec in _FORMS and len(form.text) >= _LEAST:
            yield form.text
            if form.codec in ("hex", "percent"):
                yield form.text.upper()
                yield form.text.lower()
