"""Room for a snapshot: asked before a freeze touches anything."""

from __future__ import annotations

import os

from botbottle.engine.api import EngineRead
from botbottle.errors import Refused

NEEDED = 512 * 1024**2  # bytes that must be free: a snapshot holds what the agent wrote


def check_room(engine: EngineRead, where: str) -> None:
    """Raises Refused when the engine's disk is too full for a snapshot. An engine on another
    machine keeps its data where this process cannot look: then nothing is refused here, and the
    engine's own error ends the freeze before the bottle is stopped."""
    free = free_bytes(engine.storage())
    if free is not None and free < NEEDED:
        raise Refused(
            f"{free >> 20} MiB are free for a snapshot, {NEEDED >> 20} MiB are needed; the bottle "
            "was not paused",
            code="BB7305",
            where=where,
            hint="bb freezes --prune 30d makes room; bb cutoff needs none",
        )


def free_bytes(directory: str) -> int | None:
    """Bytes an unprivileged process may still write there; None when it is not to be seen."""
    if not directory:
        return None
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
