"""What several dialects share: generated text, SSE framing and its quirks, tool choice."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from tests.world.wire import Bill, Call, Frame, Reply, compact

SENTENCE = (
    "the bottle holds and nothing leaves it but what the operator has allowed, counted and seen; "
    "naïve façade — 漢字 — Ünïcödé\u2028line — 😀 a plan says what would change before it changes "
)
MAX_TEXT = 2_000_000  # characters
CHARS_PER_TOKEN = 4
COMMAND = "echo botbottle-world"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool call to make; ``given`` is an object, or text for a free-form (custom) tool."""

    name: str
    given: Mapping[str, Any] | str
    namespace: str = ""


# The shell tools of the clients we know, by the name under which they offer it.
SHELL_TOOLS = (
    Tool("Bash", {"command": COMMAND, "description": "say something"}),
    Tool("exec", f"text(await tools.exec_command({{cmd: '{COMMAND}'}}))", "functions"),
    Tool("exec_command", {"cmd": COMMAND}),
    Tool("shell_command", {"command": COMMAND}),
    Tool("shell", {"command": COMMAND.split()}),
)


def text_of(call: Call) -> str:
    """The scripted text, or words for about as many tokens as the output is billed."""
    if call.script.text is not None:
        return call.script.text
    wanted = min(MAX_TEXT, (call.usage.output - call.usage.reasoning) * CHARS_PER_TOKEN)
    return _words(call.rng, max(8, wanted))


def thinking_of(call: Call) -> str:
    """The scripted thinking, or words when reasoning tokens are billed, or nothing."""
    if call.script.thinking is not None or not call.usage.reasoning:
        return call.script.thinking or ""
    return _words(call.rng, min(MAX_TEXT, call.usage.reasoning * CHARS_PER_TOKEN))


def _words(rng: random.Random, length: int) -> str:
    start = rng.randrange(len(SENTENCE))
    turned = SENTENCE[start:] + SENTENCE[:start]
    return (turned * (length // len(turned) + 1))[:length]


def pieces(text: str, count: int) -> list[str]:
    """The text in at most ``count`` parts of about the same length, none empty."""
    count = max(1, min(count, len(text)))
    cuts = [len(text) * index // count for index in range(count + 1)]
    return [text[a:b] for a, b in pairwise(cuts)]


def text_pieces(call: Call, text: str | None = None) -> list[str]:
    """The given text, or a generated one, as the deltas of a stream."""
    default = min(24, max(3, call.usage.output // 8))
    count = call.script.events if call.script.events is not None else default
    return pieces(text_of(call) if text is None else text, count)


def bill(call: Call, response_id: str) -> Bill:
    """The bill of a call that has one response."""
    return Bill(response_id, call.model, call.usage)


def sse(value: Any, event: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    data = value if isinstance(value, str) else compact(value)
    return f"{head}data: {data}\n\n".encode()


def sse_reply(
    call: Call, frames: Iterable[Frame], bills: Sequence[Bill], error_frame: Frame
) -> Reply:
    """A stream of server-sent events, dressed as the script's quirks want."""
    headers = [("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache")]
    return Reply(
        headers=headers,
        frames=_dress(call, frames),
        stream=True,
        bills=bills,
        error_frame=next(_dress(call, [error_frame])),
    )


def _dress(call: Call, frames: Iterable[Frame]) -> Iterator[Frame]:
    script = call.script
    first = True
    for frame in frames:
        data = frame.data
        if script.has("comments"):
            data = b": keep-alive\n\n" + data
        if script.has("bom") and first:
            data = b"\xef\xbb\xbf" + data
        if script.has("crlf"):
            data = data.replace(b"\n", b"\r\n")
        elif script.has("cr"):
            data = data.replace(b"\n", b"\r")
        first = False
        yield replace(frame, data=data)


def error_words(call: Call, kind: str, message: str) -> tuple[str, str]:
    """Type and message of a scripted error, with defaults."""
    error = call.script.error
    return str(error.get("type", kind)), str(error.get("message", message))


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in a JSON list; nothing for anything else, as requests may be malformed."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def tool_of(call: Call, offered: Iterable[str]) -> Tool | None:
    """The tool call that the script wants; ``shell`` picks a shell tool that was offered."""
    wanted = call.script.tool
    if wanted is None:
        return None
    if isinstance(wanted, Mapping):
        name, space = str(wanted["name"]), str(wanted.get("namespace", ""))
        return Tool(name, wanted.get("input", {}), space)
    names = set(offered)
    return next((tool for tool in SHELL_TOOLS if tool.name in names), None)
