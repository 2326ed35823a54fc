"""What an op relies on, as digests: the planner writes them, the executor compares them.

An id stands for labels, image and spec, which no engine changes on a live object. So only what
can move under an id is worth an expectation: a container's networks, a sidecar's configuration.
A volume has a name only, so it is known by its labels: those that bb makes name the run and op
that made it (``labels.OP_ID``). The engine's creation time is the directory's and moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from botbottle.model import canonical


def attached_to(networks: Iterable[str]) -> str:
    """A container on exactly these networks (names), in any order."""
    return canonical.digest(["attached", sorted(networks)])


def volume(name: str, marks: Mapping[str, str]) -> str:
    """A volume of this name with exactly these labels."""
    return canonical.digest(["volume", name, sorted(marks.items())])
