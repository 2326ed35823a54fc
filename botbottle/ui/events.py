"""What happens while a plan is carried out, as data. Renderers turn it into text, progress bars or
JSON lines; nothing here holds a secret.

``ts`` is seconds since the epoch, given by the emitter's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from botbottle.model import canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What every event has."""

    ts: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpEvent(Base):
    """About one op of the plan: its id, class name and resource."""

    op_id: str
    op: str
    resource: str
    bottle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Base):
    ops: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpStarted(OpEvent):
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpDone(OpEvent):
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpRetried(OpEvent):
    """A failure that may pass; tried again after ``delay`` seconds."""

    attempt: int
    delay: float
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpFailed(OpEvent):
    code: str
    message: str
    hint: str
    best_effort: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpBlocked(OpEvent):
    """Not started: ``why`` is ``blocked`` (``by`` the op that failed), ``interrupted``,
    ``fenced`` or ``fail-fast``."""

    why: Literal["blocked", "interrupted", "fenced", "fail-fast"]
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting(OpEvent):
    """Still waiting after ``seconds``; ``state`` says for what."""

    seconds: float
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(OpEvent):
    """A line of a longer op, such as an image build."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Base):
    """Something to know that is about no op."""

    level: Literal["info", "warning", "error"]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDone(Base):
    done: int
    failed: int
    not_started: int


type Event = (
    RunStarted | OpStarted | OpDone | OpRetried | OpFailed | OpBlocked | Waiting | Progress
    | Note | RunDone
)  # fmt: skip


def to_wire(event: Event) -> dict[str, Any]:
    """Plain JSON data with the class name under ``type``."""
    return {"type": type(event).__name__, **canonical.plain(event)}
