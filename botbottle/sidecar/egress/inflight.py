"""What requests in flight have cost so far, in a file that outlives the process.

A sidecar that is killed (SIGKILL, out of memory) settles nothing. Its successor finds here, for
each lease, the row that the request would have left at that moment, and books it: what is lost is
at the most the event in flight. The file is mapped: a change is an assignment in memory, and the
kernel keeps it whatever becomes of the process. It holds numbers, names of models and ids of
responses, and is the sidecar's own (0600, in the directory of its control socket).
"""

from __future__ import annotations

import mmap
import os
import struct
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import astuple, replace

from botbottle.model.usage import Exchange, Tokens

SLOTS = 256  # as many as an account may have in flight
SLOT = 4096  # bytes of each: numbers, length of the row, the row as JSON
_NUMBERS = struct.Struct(f"<{len(Tokens.__struct_fields__)}Q")
_LENGTH = struct.Struct("<H")
_ROW = _NUMBERS.size + _LENGTH.size  # offset

_decoder = msgspec.json.Decoder(tuple[str, Exchange])


class InFlight:
    """The slots of one sidecar. A request that finds none free is not kept."""

    def __init__(self, kept: mmap.mmap) -> None:
        self._kept = kept
        self._free = list(range(SLOTS))
        self._taken: dict[str, int] = {}

    @classmethod
    def open(cls, path: Path) -> tuple[InFlight, list[tuple[str, Exchange]]]:
        """The slots behind ``path``, made when they are not there, and what an earlier process
        left in them: (lease, row). Raises OSError, also when there is no room for the file."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(path, flags, 0o600)
        try:
            os.posix_fallocate(handle, 0, SLOTS * SLOT)  # a hole could end the process later
            kept = mmap.mmap(handle, SLOTS * SLOT)
        finally:
            os.close(handle)
        made = cls(kept)
        return made, made._left()

    @classmethod
    def nowhere(cls) -> InFlight:
        """Slots that end with the process."""
        return cls(mmap.mmap(-1, SLOTS * SLOT))

    def _left(self) -> list[tuple[str, Exchange]]:
        found = [self._read(slot * SLOT) for slot in range(SLOTS)]
        self._kept[:] = bytes(SLOTS * SLOT)
        left = dict(filter(None, found))
        for lease, row in left.items():
            self.put(lease, row)  # until it is booked
        return list(left.items())

    def _read(self, start: int) -> tuple[str, Exchange] | None:
        (size,) = _LENGTH.unpack_from(self._kept, start + _NUMBERS.size)
        text = self._kept[start + _ROW : start + _ROW + size]
        with suppress(msgspec.DecodeError, ValueError):
            lease, row = _decoder.decode(text)
            tokens = Tokens(*_NUMBERS.unpack_from(self._kept, start))
            return lease, replace(row, tokens=tokens)
        return None

    def put(self, lease: str, row: Exchange) -> None:
        """The row that the lease's request leaves if nothing else comes."""
        text = msgspec.json.encode((lease, row))
        if len(text) > SLOT - _ROW:
            return
        if lease not in self._taken:
            if not self._free:
                return
            self._taken[lease] = self._free.pop()
        start = self._taken[lease] * SLOT
        self._size(start, 0)  # a row half written is none
        self._kept[start + _ROW : start + _ROW + len(text)] = text
        self.count(lease, row.tokens)
        self._size(start, len(text))

    def count(self, lease: str, tokens: Tokens) -> None:
        """It has cost so much by now."""
        slot = self._taken.get(lease)
        if slot is not None:
            with suppress(struct.error):  # no request costs 2**64 tokens
                _NUMBERS.pack_into(self._kept, slot * SLOT, *astuple(tokens))

    def drop(self, lease: str) -> None:
        """It is booked, or was never sent."""
        slot = self._taken.pop(lease, None)
        if slot is not None:
            self._size(slot * SLOT, 0)
            self._free.append(slot)

    def _size(self, start: int, size: int) -> None:
        _LENGTH.pack_into(self._kept, start + _NUMBERS.size, size)
