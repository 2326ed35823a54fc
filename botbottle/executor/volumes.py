"""An agent's volumes as one tar, for an image of them. Whatever the agent has put there, reading
them ends, and what an image cannot hold is told before any of it is lost.

A layer of an image is not quite a tar: a name that begins with ``.wh.`` removes another one (OCI
image specification, "Whiteouts"). A sparse file costs an agent nothing and is whole in a tar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from botbottle.engine.api import EngineRead
from botbottle.errors import EngineError, Refused
from botbottle.executor.disk import NEEDED, free_bytes
from botbottle.model.plan import Ref

if TYPE_CHECKING:
    from botbottle.dlp.tarstream import Member

END = bytes(1024)  # of a tar: two empty blocks
KEPT = 16 * 1024**2  # bytes of volumes that are not read twice
MOST = 16 * 1024**3  # bytes of volumes that are copied
WHITEOUT = ".wh."

type Pieces = Iterable[bytes]
type Reading = Callable[[], Pieces]


class Unfit(Refused):
    """The volumes cannot be copied as they are. ``name``: of the file, which an agent or a person
    chose; it may hold a credential, and is in no message before that was looked at."""

    code = "BB7309"

    def __init__(self, message: str, *, name: str = "", where: str = "", hint: str = "") -> None:
        super().__init__(message, where=where, hint=hint)
        self.name = name


def most(engine: EngineRead) -> int:
    """Bytes of volumes that are copied: never the last that the engine's disk has."""
    free = free_bytes(engine.storage())
    return MOST if free is None else max(0, min(MOST, free - NEEDED))


def reading(engine: EngineRead, ref: Ref, places: Sequence[str], limit: int) -> Reading:
    """A function that reads the volumes from the start each time. Small ones are asked of the
    engine once and kept in memory meanwhile. Raises as ``joined`` does."""

    def fresh() -> Iterator[bytes]:
        return joined((engine.archive(ref, place) for place in places), limit)

    kept, left = [], KEPT
    for piece in fresh():
        left -= len(piece)
        if left < 0:
            return fresh
        kept.append(piece)
    return lambda: kept


def joined(archives: Iterable[Pieces], limit: int) -> Iterator[bytes]:
    """Several tars as one. Raises EngineError for one that is cut off, and Unfit for files of more
    than ``limit`` bytes in all, for a name that an image takes for a removal, and for what is no
    tar that can be judged: at the header, before the content is read."""
    from botbottle.dlp.packed import CutOff, Damaged

    checks = Checks(limit)
    for archive in archives:
        try:
            yield from _body(archive, checks)
        except CutOff as error:
            raise EngineError(f"the engine's copy of a volume is {error}") from error
        except Damaged as error:
            raise Unfit(f"the engine's copy of a volume cannot be judged: {error}") from error
    yield END


class Checks:
    """What is asked of each member. ``limit``: bytes of all together."""

    def __init__(self, limit: int) -> None:
        self._limit = self._left = limit

    def __call__(self, member: Member) -> None:
        if any(part.startswith(WHITEOUT) for part in member.name.split("/")):
            raise Unfit("an image takes a file's name for a removal", name=member.name)
        self._left -= len(member.header) + (member.content.left if member.content else 0)
        if self._left < 0:
            raise Unfit(f"its files are larger than {self._limit >> 20} MiB")


def _body(archive: Pieces, check: Checks) -> Iterator[bytes]:
    """A tar without its end, which may be padded: what follows it would not be read."""
    from botbottle.dlp.packed import Source
    from botbottle.dlp.tarstream import members

    taken = bytearray()
    source = Source(iter(archive), taken.extend)
    for member in members(source):
        check(member)
        for _ in member.content.pieces() if member.content else ():
            yield bytes(taken)
            taken.clear()
    yield bytes(taken[: -len(END) // 2])  # the empty block that was the end
