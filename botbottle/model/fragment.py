"""What an op relies on, as digests: the planner writes them, the executor compares them.

An id stands for labels, image and spec, which no engine changes on a live object. So only what
can move under an id is worth an expectation: a container's networks, a sidecar's configuration.
"""

from __future__ import annotations

from collections.abc import Iterable

from botbottle.model import canonical


def attached_to(networks: Iterable[str]) -> str:
    """A container on exactly these networks (names), in any order."""
    return canonical.digest(["attached", sorted(networks)])
