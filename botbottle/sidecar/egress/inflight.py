"""What requests in flight have cost so far, in a file that outlives the process.

A sidecar that is killed (SIGKILL, out of memory) settles nothing. Its successor finds here, for
each lease, the rows that the request would have left at that moment, and books them: what is lost
is at the most the event in flight. The file is mapped: a change is an assignment in memory, and
the kernel keeps it whatever becomes of the process. It holds numbers, names of models and ids of
responses, and is the sidecar's own (0600, in the directory of its control socket).
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec.structs import astuple, replace

from botbottle.model.usage import Exchange, Tokens

SLOTS = 256  # as many as an account may have in flight
SLOT = 4096  # bytes of each: numbers of the first row, length of the text, the rows as JSON
_NUMBERS = struct.Struct(f"<{len(Tokens.__struct_fields__)}Q")
_LENGTH = struct.Struct("<H")
_ROW = _NUMBERS.size + _LENGTH.size  # offset

type Left = list[tuple[str, Rows]]  # by lease
type Rows = tuple[Exchange, ...]  # of the response, and of other models that worked for it

_decoder = msgspec.json.Decoder(tuple[str, Rows])


class InFlight:
    """The slots of one sidecar. A request that finds none free is not kept."""

    def __init__(self, kept: mmap.mmap) -> None:
        self._kept = kept
        self._free = list(range(SLOTS))
        self._taken: dict[str, int] = {}

    @classmethod
    def open(cls, path: Path) -> tuple[InFlight, Left]:
        """The slots behind ``path``, made when they are not there, and what an earlier process
        left in them. Raises OSError, also when there is no room for the file, or another process
        that lives has it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(path, flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(handle, 0, SLOTS * SLOT)  # a hole could end the process later
            kept = mmap.mmap(handle, SLOTS * SLOT)
        finally:
            os.close(handle)  # the mapping has its own, and with it the lock
        made = cls(kept)
        return made, made._left()

    @classmethod
    def nowhere(cls) -> InFlight:
        """Slots that end with the process."""
        return cls(mmap.mmap(-1, SLOTS * SLOT))

    def _left(self) -> Left:
        """What is left stays where it is until it is booked; everything else is free."""
        left: dict[str, Rows] = {}
        for slot in range(SLOTS):
            lease, rows = self._read(slot * SLOT) or ("", ())
            if rows and lease not in left:
                left[lease], self._taken[lease] = rows, slot
                self._free.remove(slot)
            else:
                self._size(slot * SLOT, 0)
        return list(left.items())

    def _read(self, start: int) -> tuple[str, Rows] | None:
        (size,) = _LENGTH.unpack_from(self._kept, start + _NUMBERS.size)
        text = self._kept[start + _ROW : start + _ROW + size]
        with suppress(msgspec.DecodeError, ValueError):
            lease, (row, *more) = _decoder.decode(text)
            tokens = Tokens(*_NUMBERS.unpack_from(self._kept, start))
            return lease, (replace(row, tokens=tokens), *more)
        return None

    def put(self, lease: str, rows: Sequence[Exchange]) -> None:
        """The rows that the lease's request leaves if nothing else comes; the first one at least,
        where they are too many."""
        text = msgspec.json.encode((lease, rows))
        if len(text) > SLOT - _ROW:
            text = msgspec.json.encode((lease, rows[:1]))
        if len(text) > SLOT - _ROW or not rows:
            return
        if lease not in self._taken:
            if not self._free:
                return
            self._taken[lease] = self._free.pop()
        start = self._taken[lease] * SLOT
        self._size(start, 0)  # a row half written is none
        self._kept[start + _ROW : start + _ROW + len(text)] = text
        self.count(lease, rows[0].tokens)
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
