"""A crash at every single write of a run, one run for each, and a plain apply after it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from botbottle.engine.fake import Crash, Faults
from botbottle.model.bottle import Declared
from tests.support.fleet import Fleet

type Prepare = Callable[[Path], tuple[Fleet, Declared]]
type Run = Callable[[Fleet, Declared], object]


def survives_every_crash(home: Path, prepare: Prepare, run: Run, *, after: bool) -> None:
    """Whether it dies before or ``after`` the effect of a write: the world is safe at that moment,
    and one apply makes it what is wanted. Ends with the run that no crash point reaches."""
    for call in itertools.count(1):
        fleet, want = prepare(home)
        fleet.engine.restart(Faults(crash_at=call, crash_after=after))
        died = dies(run, fleet, want)
        fleet.engine.restart()
        fleet.check_safe()
        result = fleet.apply(want)
        assert result.ok, (call, result.failed)
        fleet.check_safe()
        left = fleet.plan(want)
        assert left.empty, (call, left.ops)
        if not died:
            assert call > 1, "it wrote nothing"
            return


def dies(run: Run, fleet: Fleet, want: Declared) -> bool:
    try:
        run(fleet, want)
    except Crash:
        return True
    return False
