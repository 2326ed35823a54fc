"""What happens while a plan is carried out, as data. Renderers turn it into text, progress bars or
JSON lines; nothing here holds a secret.

``ts`` is seconds since the epoch, given by the emitter's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, assert_never

from botbottle.model import canonical

type Level = Literal["info", "warning", "error"]


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

    level: Level
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
    """Plain JSON data: the class name under ``type``, how bad it is under ``level``, one line for
    people under ``message`` (empty where there is nothing to say), and the event's own fields."""
    common = {"type": type(event).__name__, "level": level_of(event), "message": line_of(event)}
    return {**common, **canonical.plain(event)}


def level_of(event: Event) -> Level:
    """How bad it is."""
    match event:
        case Note():
            return event.level
        case OpFailed():
            return "warning" if event.best_effort else "error"
        case OpBlocked() | OpRetried():
            return "warning"
        case _:
            return "info"


def line_of(event: Event) -> str:
    """One line for people, or empty where there is nothing to say."""
    match event:
        case OpDone():
            return f"{event.op_id}  {event.seconds:.1f} s"
        case OpFailed():
            return f"{event.op_id}  FAILED {event.code}: {event.message}"
        case OpBlocked():
            by = f" by {event.by}" if event.by else ""
            return f"{event.op_id}  not started ({event.why}{by})"
        case OpRetried():
            return f"{event.op_id}  trying again in {event.delay:.1f} s: {event.message}"
        case Waiting():
            return f"still waiting ({event.seconds:.0f} s) for {event.resource}: {event.state}"
        case Progress():
            return f"{event.resource}: {event.text}"
        case Note():
            return f"{event.level}: {event.message}"
        case RunDone():
            return f"done {event.done}, failed {event.failed}, not started {event.not_started}"
        case RunStarted() | OpStarted():
            return ""
        case _:
            assert_never(event)
