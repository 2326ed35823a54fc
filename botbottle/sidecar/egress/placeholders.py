"""What stands where an agent's credentials would be, sent to where nothing replaces it.

It is worth a report, in whatever form the agent's program sends it: it goes to a wrong host, or a
program puts its key into a text. It is looked for with what looks for echoes of real credentials,
in a body that is compressed, or has compressed files in it, in what they unpack to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from botbottle.meter.decode import ContentDecoder, Undecodable
from botbottle.sidecar.egress.echoes import echo_forms
from botbottle.sidecar.egress.scan import OFF_LOOP, Outgoing
from botbottle.sidecar.egress.scrub import Scrubber
from botbottle.sidecar.egress.stripping import Signed, is_credential
from botbottle.sidecar.egress.unpacking import LONGEST, MAGIC, Unreadable, unpacking

_PIECE = 64 * 1024  # bytes
_MOST = 64 * 1024 * 1024  # bytes of what is unpacked; the scanner refuses sooner
_FILES = 16  # of one kind in a body
_MAGIC = (b"\x1f\x8b\x08", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0")
_STEP = 4096  # bytes that a file's decoder is given at once
_GIVES = 8 * 1024 * 1024  # bytes that it may give then; of deflate 4 KiB are 4 MiB at most

type Told = Callable[[str], None]  # of the secret whose placeholder it is


def _found(wanted: Scrubber, data: bytes) -> bool:
    """Whether one is in ``data``. In pieces: what may hold one is searched again for each form."""
    stream = wanted.stream()
    for at in range(0, len(data), _PIECE):
        stream.feed(data[at : at + _PIECE])
        if stream.found:
            return True
    stream.finish()
    return stream.found


def _files(data: bytes) -> list[int]:
    """Where compressed files may begin. Most bodies have none, which five quick looks tell."""
    found: list[int] = []
    for magic in _MAGIC:
        at, most = data.find(magic), len(found) + _FILES
        while at >= 0 and len(found) < most:
            if MAGIC.match(data, at):
                found.append(at)
            at = data.find(magic, at + 1)
    return found


def _unpacked(data: bytes, at: int) -> Iterator[bytes]:
    """What the file there gives, as far as it goes."""
    with suppress(Unreadable):
        file = unpacking(data[at : at + LONGEST])
        while not file.over and at < len(data):
            yield file.feed(data[at : at + _STEP], _GIVES)
            at += _STEP


class Placeholders:
    """Those of one configuration: text → secret."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = dict(texts)
        self._of = {
            name: Scrubber(echo_forms(t for t, of in texts.items() if of == name))
            for name in sorted(set(texts.values()))
        }
        self._any = Scrubber(echo_forms(texts))

    def __bool__(self) -> bool:
        return bool(self._of)

    def named(self, data: bytes) -> frozenset[str]:
        """The secrets whose placeholders are in ``data``."""
        if not self._any.candidates(data):
            return frozenset()
        return frozenset(name for name, each in self._of.items() if _found(each, data))

    def watch(self, told: Told) -> Callable[[bytes], None]:
        """Looks into a body that is given in pieces; each secret is told once."""
        streams = {name: each.stream() for name, each in self._of.items()}

        def feed(piece: bytes) -> None:
            for name, stream in list(streams.items()):
                stream.feed(piece) if piece else stream.finish()
                if stream.found:
                    told(name)
                    del streams[name]

        return feed

    def packed(self, data: bytes, coding: str) -> frozenset[str]:
        """As ``named``, of what ``data`` unpacks to, as far as that goes."""
        found: set[str] = set()
        feed, size = self.watch(found.add), 0
        with suppress(Undecodable):
            for piece in filter(None, ContentDecoder(coding).feed(data)):
                feed(piece)
                size += len(piece)
                if size > _MOST:
                    break
        feed(b"")
        return frozenset(found)

    def inside(self, data: bytes, files: Iterable[int]) -> frozenset[str]:
        """As ``named``, of what the files in ``data`` unpack to, as far as that goes in all."""
        found: set[str] = set()
        size = 0
        for at in files:
            feed = self.watch(found.add)
            for piece in filter(None, _unpacked(data, at)):
                feed(piece)
                size += len(piece)
                if size > _MOST:
                    return frozenset(found)
            feed(b"")
        return frozenset(found)

    async def body(self, data: bytes, coding: str = "") -> frozenset[str]:
        """As ``named``, and ``packed`` where it is; beside the event loop where it is much."""
        if not self:
            return frozenset()
        small = len(data) < OFF_LOOP
        found = self.named(data) if small else await asyncio.to_thread(self.named, data)
        if coding:
            found |= await asyncio.to_thread(self.packed, data, coding)
        elif files := _files(data):
            found |= await asyncio.to_thread(self.inside, data, files)
        return found

    async def misplaced(self, message: Outgoing, agents: Signed, own: str) -> Iterable[str]:
        """Secrets whose placeholders leave, or were taken out of what the agent sent (``agents``)
        on a route that puts none of them in: its own is ``own``."""
        if not self:
            return ()
        head = (message.url.encode(), *(value for _, value in message.headers))
        taken = (value for name, value in agents.headers if is_credential(name))
        found = self.named(b"\n".join((agents.query.encode(), *taken))) - {own}
        body = await self.body(message.body, message.coding)
        return sorted(found | self.named(b"\n".join(head)) | body)
