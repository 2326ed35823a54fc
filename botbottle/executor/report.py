"""Events about ops, with their common fields filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from botbottle.executor.api import Tools
from botbottle.model.plan import Op
from botbottle.ui import events


class About(TypedDict):
    """Common fields of an event about an op."""

    ts: float
    op_id: str
    op: str
    resource: str
    bottle: str


def about(op: Op, ts: float) -> About:
    return {
        "ts": ts,
        "op_id": op.id,
        "op": type(op).__name__,
        "resource": op.resource,
        "bottle": op.bottle,
    }


def progress(op: Op, tools: Tools) -> Callable[[str], None]:
    """A sink of progress lines."""
    return lambda text: tools.emit(events.Progress(**about(op, tools.clock.now()), text=text))


def waiting(op: Op, tools: Tools, seconds: float, state: str) -> None:
    tools.emit(
        events.Waiting(**about(op, tools.clock.now()), seconds=round(seconds, 1), state=state)
    )
