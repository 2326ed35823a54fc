"""A second, later look at sidecars that should refuse and do not answer, before a plan stops one.

On a busy machine a healthy one may miss the first question. A sidecar that says nothing for the
whole time is stopped: an agent may keep it busy, and would go on being served.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from msgspec.structs import replace

from botbottle.model.plan import Plan, StopContainer
from botbottle.model.resources import Observed, SidecarStatus
from botbottle.planner.about import SILENT

PATIENCE = 4.0  # seconds until the last question; its answer may take another 2 (control.adapter)
PAUSE = 0.25  # seconds between questions, for one whose socket is not there yet


def certain(
    first: Plan,
    observed: Observed,
    planned: Callable[[Observed], Plan],
    ask: Callable[[Observed], Mapping[str, SidecarStatus | None]],
    *,
    known: Collection[str] = (),
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Plan, Observed]:
    """The plan, and what it was made of, after every sidecar that ``first`` stops for its silence
    was asked again for ``PATIENCE`` seconds, all of them together. Without any it is ``first``.
    ``known``: ids of those that the plan before this one has asked so, in vain."""
    silent, begin = silenced(first) - set(known), clock()
    heard: dict[str, SidecarStatus | None] = {}
    while left := [c for c in observed.containers if c.id in silent and c.id not in heard]:
        answers = ask(replace(observed, containers=tuple(left)))
        heard |= {identity: s for identity, s in answers.items() if s is not None}
        if clock() - begin + PAUSE > PATIENCE:
            break
        if len(heard) < len(silent):
            sleep(PAUSE)
    if not heard:
        return first, observed
    again = replace(observed, sidecars={**observed.sidecars, **heard})
    return planned(again), again


def silenced(plan: Plan) -> set[str]:
    """Ids of the sidecars that a plan stops for their silence."""
    stops = (op for op in plan.ops if isinstance(op, StopContainer))
    return {op.ref.id for op in stops if op.reason == SILENT}
