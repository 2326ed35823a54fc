"""Faults on demand: the k-th writing call fails or the process "dies" there, before or after
the call's effect; observations are stale; events are lost or come twice."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from botbottle.errors import BBError


class Crash(BaseException):
    """The process died here. Not an Exception, so that nothing handles it; every later call
    raises it again until ``FakeEngine.restart``."""


class Faults(Struct):
    """What goes wrong. Calls are counted from 1 over writing calls only; 0 means never.

    ``fail_at``/``fail_with``: that call raises, without its effect, or (``fail_after``) with it:
    an answer that got lost. ``fail_when`` decides by method and arguments instead, ``times`` at
    most. ``crash_at``: the process dies. ``stale``: observations show the world as it was so
    many writes ago.
    """

    fail_at: int = 0
    fail_with: Callable[[], BBError] | None = None
    fail_after: bool = False
    fail_when: Callable[[str, tuple[object, ...]], BBError | None] | None = None
    times: int = 1_000_000
    crash_at: int = 0
    crash_after: bool = False
    stale: int = 0
    drop_event: Callable[[int], bool] = lambda _n: False
    repeat_event: Callable[[int], bool] = lambda _n: False
    crashed: bool = field(default=False)

    def before(self, call: int, method: str, args: tuple[object, ...]) -> None:
        """Raise what the fault says, before the effect."""
        if self.crash_at == call and not self.crash_after:
            self._crash()
        if self.fail_with and self.fail_at == call and not self.fail_after:
            raise self.fail_with()
        if self.fail_when and self.times > 0 and (error := self.fail_when(method, args)):
            self.times -= 1
            raise error

    def after(self, call: int) -> None:
        """Raise what the fault says, after the effect."""
        if self.crash_at == call and self.crash_after:
            self._crash()
        if self.fail_with and self.fail_at == call and self.fail_after:
            raise self.fail_with()

    def _crash(self) -> None:
        self.crashed = True
        raise Crash
