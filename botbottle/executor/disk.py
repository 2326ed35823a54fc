"""Room for a snapshot: asked before a freeze touches anything.

A local engine's directory is looked at. Another engine's disk is seen from inside: the read-only
root of the agent's container lies on it, and its own ``stat`` answers, which the agent cannot
replace. Where neither answers, the engine's own error ends a freeze that does not fit.
"""

from __future__ import annotations

import os

from botbottle.engine.api import EngineWrite
from botbottle.errors import BBError, Refused
from botbottle.model.plan import Ref

NEEDED = 512 * 1024**2  # bytes that must be free: a snapshot holds what the agent wrote


PROBE = ("/usr/bin/stat", "-f", "-c", "%a %S", "/")  # free blocks, bytes of a block
SECONDS = 3.0


def check_room(engine: EngineWrite, ref: Ref, where: str) -> None:
    """Raises Refused when the engine's disk is too full for a snapshot of this container."""
    free = free_bytes(engine.storage())
    if free is None:
        free = free_inside(engine, ref)
    if free is not None and free < NEEDED:
        raise Refused(
            f"{free >> 20} MiB are free for a snapshot, {NEEDED >> 20} MiB are needed; the bottle "
            "was not stopped",
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


def free_inside(engine: EngineWrite, ref: Ref) -> int | None:
    """Bytes free on the disk below a running container's root; None when it does not say. Asked
    as root, whose program the agent's user cannot stop or delay."""
    try:
        found = engine.exec(ref, PROBE, user="0:0", timeout=SECONDS)
        blocks, size = (int(word) for word in found.stdout.split())
    except (BBError, ValueError):
        return None
    return blocks * size if found.exit_code == 0 and blocks >= 0 and size > 0 else None
