"""What every writing call of the fake engine has: a record, faults, and events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct

from botbottle.engine.api import Event
from botbottle.engine.fake.faults import Faults
from botbottle.engine.fake.reader import FakeReader
from botbottle.engine.fake.world import World
from botbottle.model import labels

type Labels = Sequence[tuple[str, str]]


class Call(Struct, frozen=True):
    """A writing call that was made, whether or not it succeeded."""

    method: str
    args: tuple[object, ...]


class FakeWriter(FakeReader):
    """``calls`` records every writing call since the last restart."""

    def __init__(self, world: World | None = None, faults: Faults | None = None) -> None:
        super().__init__(world, faults)
        self.calls: list[Call] = []

    def restart(self, faults: Faults | None = None) -> None:
        """A new process looks at the same world."""
        self.faults = faults or Faults()
        self.event_log.faults = self.faults
        self.calls = []
        self._past = []

    @contextmanager
    def _write(self, method: str, *args: object) -> Iterator[None]:
        """Count, record and disturb one writing call. A fault after the effect also hits calls
        that return early."""
        with self._lock:
            self._check()
            self.calls.append(Call(method, args))
            number = len(self.calls)
            self.faults.before(number, method, args)
            if self.faults.stale:
                self._past = [*self._past, self.world.fork()][-self.faults.stale :]
            yield
            self.faults.after(number)

    def _tell(self, kind: str, action: str, identity: str, marks: dict[str, str]) -> None:
        if labels.HOME in marks:
            self.event_log.add(
                Event(
                    kind,
                    action,
                    identity,
                    marks.get(labels.BOTTLE, "") if kind != "network" else "",
                    marks.get(labels.PROJECT, "") if kind != "network" else "",
                )
            )
