"""``bb watch --follow``: show what the enforcing watch of this project does."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botbottle.cli.context import Context
from botbottle.errors import Exit

EVERY = 0.25  # seconds between two looks at the log
LAST = 20  # records shown at the start


def follow_project(context: Context) -> int:
    """Until a signal, or until nobody reads any more. Needs no engine and no ledger."""
    from botbottle.load import load
    from botbottle.model.paths import HomePaths
    from botbottle.session import declared_or_raise
    from botbottle.watch.follow import Follower, Tail
    from botbottle.watch.log import lines, log_path

    project = declared_or_raise(load(context.home, context.cwd)).project.id
    tail = Tail(log_path(context.home, project))
    tail.skip(LAST)
    show: Callable[[dict[str, Any]], None] = lines(context.out, text=context.out.isatty())
    lock = Path(HomePaths(str(context.home)).lock(f"{project}.watch"))
    follower = Follower(tail, lock, show)
    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda found, _: stop.append(found))
    try:
        while not stop:
            follower.step()
            time.sleep(EVERY)
    finally:
        tail.close()
    return int(Exit.OK)
