"""What happens while a plan is carried out, as data. Renderers turn it into text, progress bars or
JSON lines; nothing here holds a secret.

``ts`` is seconds since the epoch, given by the emitter's clock.
"""

from __future__ import annotations

from typing import Any, Literal, assert_never

from msgspec import Struct

from botbottle.model import canonical

type Level = Literal["info", "warning", "error"]


class Base(Struct, frozen=True, kw_only=True):
    """What every event has."""

    ts: float


class OpEvent(Base, frozen=True, kw_only=True):
    """About one op of the plan: its id, class name and resource."""

    op_id: str
    op: str
    resource: str
    bottle: str


class RunStarted(Base, frozen=True, kw_only=True):
    ops: int
    digest: str


class OpStarted(OpEvent, frozen=True, kw_only=True):
    reason: str


class OpDone(OpEvent, frozen=True, kw_only=True):
    seconds: float


class OpRetried(OpEvent, frozen=True, kw_only=True):
    """A failure that may pass; tried again after ``delay`` seconds."""

    attempt: int
    delay: float
    message: str


class OpFailed(OpEvent, frozen=True, kw_only=True):
    code: str
    message: str
    hint: str
    best_effort: bool


class OpBlocked(OpEvent, frozen=True, kw_only=True):
    """Not started: ``why`` is ``blocked`` (``by`` the op that failed), ``interrupted``,
    ``fenced`` or ``fail-fast``."""

    why: Literal["blocked", "interrupted", "fenced", "fail-fast"]
    by: str = ""


class Waiting(OpEvent, frozen=True, kw_only=True):
    """Still waiting after ``seconds``; ``state`` says for what."""

    seconds: float
    state: str


class Progress(OpEvent, frozen=True, kw_only=True):
    """A line of a longer op, such as an image build."""

    text: str


class Note(Base, frozen=True, kw_only=True):
    """Something to know that is about no op."""

    level: Level
    message: str


class RunDone(Base, frozen=True, kw_only=True):
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
