"""The warning that a policy needs a watch and none is alive. Pure."""

from __future__ import annotations

from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.planner.enforce import governing, pools_by_scope
from botbottle.planner.wanted import providers_of


def unwatched(declared: Declared, view: LedgerView) -> tuple[str, ...]:
    """Bottles with a budget whose policy only a watch can carry out, while none is alive, each
    as ``NAME (POLICY)``. A cutoff needs none: the sidecar refuses by itself."""
    if view.watch_alive:
        return ()
    pools, mode = pools_by_scope(view), declared.settings.budget_mode
    return tuple(
        f"{spec.name} ({spec.shutdown})"
        for spec in sorted(declared.bottles, key=lambda b: b.name)
        if spec.state == "started"
        and spec.shutdown in ("freeze", "kill")
        and governing(spec, providers_of(spec), mode, pools)
    )


def warning(bottles: tuple[str, ...]) -> str:
    """One line for people; empty without bottles."""
    if not bottles:
        return ""
    return (
        f"warning: no watch is alive, so a used-up budget only cuts off {', '.join(bottles)}; "
        "start one: bb watch\n"
    )
