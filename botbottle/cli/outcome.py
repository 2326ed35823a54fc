"""What an apply that did not finish leaves: done, failed and not started, one list each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botbottle.ui.visible import visible

if TYPE_CHECKING:
    from botbottle.executor import Result


def groups(result: Result) -> str:
    """The three groups as text for stderr; a group without an op is left out."""
    blocked = (f"{n.op.id}  ({n.why}{' by ' + n.by if n.by else ''})" for n in result.not_started)
    return "".join(
        (
            _group("done", (op.id for op in result.done)),
            _group("failed", (f"{f.op.id}  {f.error.code}: {f.error}" for f in result.failed)),
            _group("not started", blocked),
        )
    )


def _group(title: str, lines: Iterable[str]) -> str:
    text = "".join(f"  {visible(line)}\n" for line in lines)
    return f"{title}\n{text}" if text else ""
