"""What requests in flight have cost so far, in a file that outlives the process.

A sidecar that is killed (SIGKILL, out of memory) settles nothing. Its successor finds here the
rows that each request would have left at that moment, and those that the ledger has not
acknowledged yet, and books them: what is lost is at the most the event in flight. The file is
mapped: a change is an assignment in memory, and the kernel keeps it whatever becomes of the
process. It holds numbers, names of models and ids of responses, and is the sidecar's own (0600, in
the directory of its control socket).

Rows are kept by name: the lease they will be settled with or, where there is none, any other name
after a ``-``.
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

LEASES = 256  # as many as an account may have in flight
SLOTS = 2 * LEASES  # what has no lease leaves room for what has
MOST = 16  # rows of one slot
SLOT = 4096  # bytes of each: numbers of the first row, length of the text, the rows as JSON
_NUMBERS = struct.Struct(f"<{len(Tokens.__struct_fields__)}Q")
_LENGTH = struct.Struct("<H")
_ROW = _NUMBERS.size + _LENGTH.size  # offset

type Left = list[tuple[str, Rows]]  # by name
type Rows = tuple[Exchange, ...]  # of the response, and of other models that worked for it

_decoder = msgspec.json.Decoder(tuple[str, Rows])


def lease_of(name: str) -> str:
    """The lease behind a name; '': none."""
    return "" if name.startswith("-") else name


class InFlight:
    """The slots of one sidecar. What finds none free is not kept."""

    def __init__(self, kept: mmap.mmap) -> None:
        self._kept = kept
        self._free = list(range(SLOTS))
        self._taken: dict[str, int] = {}
        self._named = 0

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
            name, rows = self._read(slot * SLOT) or ("", ())
            if rows and name not in left:
                left[name], self._taken[name] = rows, slot
                self._free.remove(slot)
            else:
                self._size(slot * SLOT, 0)
        return list(left.items())

    def _read(self, start: int) -> tuple[str, Rows] | None:
        (size,) = _LENGTH.unpack_from(self._kept, start + _NUMBERS.size)
        text = self._kept[start + _ROW : start + _ROW + size]
        with suppress(msgspec.DecodeError, ValueError):
            name, (row, *more) = _decoder.decode(text)
            tokens = Tokens(*_NUMBERS.unpack_from(self._kept, start))
            return name, (replace(row, tokens=tokens), *more)
        return None

    def put(self, name: str, rows: Sequence[Exchange]) -> int:
        """These rows are owed if nothing else comes; where they are too many, the first ones.
        Returns how many are kept now. None owed: nothing is kept under the name."""
        some = rows[:MOST]
        text = msgspec.json.encode((name, some))
        while some and len(text) > SLOT - _ROW:
            some = some[: len(some) // 2]
            text = msgspec.json.encode((name, some))
        if not rows:
            self.drop(name)
        if not some or not self._find(name):
            return 0
        start = self._taken[name] * SLOT
        self._size(start, 0)  # a row half written is none
        self._kept[start + _ROW : start + _ROW + len(text)] = text
        self.count(name, some[0].tokens)
        self._size(start, len(text))
        return len(some)

    def _find(self, name: str) -> bool:
        """Whether there is a slot for it."""
        if name in self._taken:
            return True
        room = len(self._free) > (0 if lease_of(name) else LEASES)
        if room:
            self._taken[name] = self._free.pop()
        return room

    def keep(self, rows: Sequence[Exchange]) -> list[str]:
        """Keep rows that no lease is for, each once; the names that they are under."""
        names = []
        while rows and len(self._free) > LEASES:
            names.append(self._unused())
            rows = rows[max(1, self.put(names[-1], rows)) :]
        return names

    def _unused(self) -> str:
        """A name that stands for nothing, not even from before."""
        while (name := f"-{self._named}") in self._taken:
            self._named += 1
        self._named += 1
        return name

    def count(self, name: str, tokens: Tokens) -> None:
        """It has cost so much by now."""
        slot = self._taken.get(name)
        if slot is not None:
            with suppress(struct.error):  # no request costs 2**64 tokens
                _NUMBERS.pack_into(self._kept, slot * SLOT, *astuple(tokens))

    def drop(self, name: str) -> None:
        """It is booked, or was never sent."""
        slot = self._taken.pop(name, None)
        if slot is not None:
            self._size(slot * SLOT, 0)
            self._free.append(slot)

    def _size(self, start: int, size: int) -> None:
        _LENGTH.pack_into(self._kept, start + _NUMBERS.size, size)
