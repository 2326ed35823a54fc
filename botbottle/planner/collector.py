"""Planning without the cycle collector: a plan makes millions of objects and no cycle.

Left on, the collector walks the whole growing plan again and again, which doubles the time for a
large fleet. Objects without cycles are freed all the same, by their reference counts.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Pause the collector of this process; another thread only collects a little later. Whoever
    finds it paused already leaves it so: the outermost turns it on again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        _settle()
        gc.enable()


def _settle() -> None:
    """Count what was made as old, so that turning the collector on walks none of it at once; a
    later full collection still does. Left out where somebody keeps frozen objects."""
    if gc.get_freeze_count() == 0:
        gc.freeze()
        gc.unfreeze()
