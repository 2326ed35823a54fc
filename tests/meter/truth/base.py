"""Samples: one response with the tokens it truly cost, event by event."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

WORDS = (
    "the", "usage", "tokens", "alpha", "naïve", "東京", "data:", "\n", "\r\n", '"', "\\", "🙂",
    "\u2028", "[DONE]", '{"usage":{"input_tokens":999999}}', "output_tokens", "x" * 40, "}", "]",
    "null", "\x7f", "é" * 3, "event: message_stop",
)  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """Tokens of one row by class: what the provider charges."""

    fresh: int = 0
    read: int = 0
    write5: int = 0
    write60: int = 0
    out: int = 0
    think: int = 0

    def classes(self) -> tuple[int, ...]:
        return (self.fresh, self.read, self.write5, self.write60, self.out, self.think)


@dataclass
class Step:
    """One event: its document (or raw line), and what is known once it has passed.

    ``told`` is the input truth from here on (None: not told), ``reported`` the output number
    told so far, ``pieces`` the output text in this event. ``rows`` become final here.
    """

    doc: object
    event: str = ""
    pieces: tuple[str, ...] = ()
    told: Truth | None = None
    reported: int = 0
    rows: tuple[tuple[str, str, Truth], ...] = ()  # (row id, model, truth)


@dataclass
class Sample:
    """One response: where it came from, its events, and how they are framed."""

    host: str
    path: str
    provider: str
    framing: str  # json, sse, array, lines, aws
    steps: list[Step]
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    request: dict[str, object] = field(default_factory=dict)
    base64_payload: bool = False
    partial: bool = True  # an interruption leaves a partial row


def text(rng: random.Random) -> str:
    """Output text with everything that trips parsers."""
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 6)))


def truth(rng: random.Random, *, writes: bool = True, cached: bool = True) -> Truth:
    """Random tokens; zeros are common because providers send them."""

    def some(top: int) -> int:
        return rng.choice((0, rng.randint(1, top), rng.randint(1, top)))

    out = some(90_000)
    return Truth(
        fresh=some(200_000),
        read=some(900_000) if cached else 0,
        write5=some(50_000) if writes else 0,
        write60=some(50_000) if writes else 0,
        out=out,
        think=rng.randint(0, out),
    )


def ident(rng: random.Random, prefix: str) -> str:
    """A provider-like unique id."""
    return f"{prefix}{rng.getrandbits(96):024x}"


def compact(doc: object, rng: random.Random) -> str:
    """JSON in one of the styles servers use."""
    style = rng.randrange(3)
    if style == 0:
        return json.dumps(doc)
    separators = (",", ":") if style == 1 else (", ", ": ")
    return json.dumps(doc, ensure_ascii=False, separators=separators)
