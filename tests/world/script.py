"""What a test tells the world to do: ``Script`` (the behaviour) and ``Rule`` (for whom).

A request may carry its own script, for use from inside a bottle: the header ``x-world-script``
(a JSON object) or a model name such as ``claude-opus-5-5@world:output=900,cut_after=4``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Any

from tests.world.usage import Usage

HEADER = "x-world-script"
MODEL_MARK = "@world:"
USAGE_CLASSES = frozenset(f.name for f in fields(Usage))
CODINGS = ("identity", "gzip", "br", "zstd", "deflate", "raw-deflate")
QUIRKS = frozenset(
    {
        # Messages and its imitators
        "zero_message_start",  # input is 0 in message_start, real in message_delta
        "delta_only_output",  # message_delta repeats no input field
        "many_deltas",  # several cumulative message_delta events
        "iterations",  # compaction tokens, only inside usage.iterations
        "no_ttl_split",  # cache_creation_input_tokens without the per-lifetime object
        # Chat, Responses
        "usage_every_chunk",  # cumulative usage in every chunk
        "no_done",  # stream ends without [DONE]
        "prompt_filter",  # Azure's first chunk with choices: []
        "obfuscation",  # padding in deltas
        "tool_usage",  # response.tool_usage beside response.usage
        "no_details",  # usage without the details objects
        # any stream
        "crlf",
        "cr",
        "comments",  # SSE comment lines as keep-alives
        "bom",
        "no_response_id",
        "no_model",
        # Ollama
        "no_prompt_count",  # prompt_eval_count left out on a cache hit
        # Gemini
        "tool_prompt",  # a part of the input under toolUsePromptTokenCount
        # content codings
        "multi_member",  # a new gzip member or zstd frame for every event
    }
)


@dataclass(frozen=True, slots=True)
class Script:
    """One behaviour. Times are seconds; counts of events are counts of frames in the dialect."""

    usage: Mapping[str, int] = field(default_factory=dict)  # classes to replace in the drawn usage
    text: str | None = None
    events: int | None = None  # text deltas
    thinking: str | None = None
    tool: Mapping[str, Any] | str | None = None  # {"name", "input"}, or "shell": pick from tools
    finish: str | None = None  # stop reason in the dialect's own words
    terminal: str = "completed"  # Responses: completed, incomplete or failed
    background_polls: int = 1  # Responses: polls that still say in_progress
    first_delay: float = 0.0
    delay: float = 0.0
    status: int | None = None
    body: Any = None  # JSON or text; with ``status`` None it replaces a 200 body
    headers: Mapping[str, str] = field(default_factory=dict)
    upgrade_status: int | None = None  # answer to a WebSocket upgrade
    ws_close: int | None = None  # close the WebSocket with this code instead of answering
    error_after: int | None = None  # mid-stream error event after that many events
    error: Mapping[str, Any] = field(default_factory=dict)  # {"type", "message"}
    cut_after: int | None = None  # abort the connection after that many events ...
    cut_bytes: int = 0  # ... and that many bytes of the next one
    cut_how: str = "rst"  # rst, or fin: an orderly close without the terminator
    stall_after: int | None = None  # go silent after that many events ...
    stall: float = 600.0  # ... for so long, then close
    omit_usage: bool = False
    quirks: frozenset[str] = frozenset()
    encoding: str | None = None  # forced, whatever Accept-Encoding says
    split: int | None = None  # write at most that many bytes at a time
    merge: int = 1  # events a write
    chunked: bool = False  # no Content-Length for plain bodies either
    seed: int | None = None

    def has(self, quirk: str) -> bool:
        """Whether the quirk is on."""
        return quirk in self.quirks


def parse(data: Mapping[str, Any], base: Script | None = None) -> Script:
    """A script from JSON-like data over ``base``; usage classes may stand at the top level.

    ``ValueError`` for an unknown key, quirk or coding: a typo must not pass for a behaviour.
    """
    base = base or Script()
    known = {f.name for f in fields(Script)}
    values: dict[str, Any] = {k: v for k, v in data.items() if k in known}
    counts = {k: int(v) for k, v in data.items() if k in USAGE_CLASSES}
    unknown = set(data) - known - USAGE_CLASSES
    if unknown:
        raise ValueError(f"unknown script keys: {sorted(unknown)}")
    usage = {**base.usage, **values.get("usage", {}), **counts}
    quirks = base.quirks | frozenset(values.get("quirks", ()))
    script = replace(base, **{**values, "usage": usage, "quirks": quirks})
    _check(script)
    return script


def _check(script: Script) -> None:
    if bad := script.quirks - QUIRKS:
        raise ValueError(f"unknown quirks: {sorted(bad)}")
    if bad := frozenset(script.usage) - USAGE_CLASSES:
        raise ValueError(f"unknown token classes: {sorted(bad)}")
    if script.encoding is not None and script.encoding not in CODINGS:
        raise ValueError(f"unknown encoding: {script.encoding}")
    if script.cut_how not in ("rst", "fin"):
        raise ValueError(f"unknown cut: {script.cut_how}")


def dump(script: Script) -> dict[str, Any]:
    """The parts that differ from a plain script, as JSON-like data for ``parse``."""
    plain = Script()
    data = {
        f.name: getattr(script, f.name)
        for f in fields(Script)
        if getattr(script, f.name) != getattr(plain, f.name)
    }
    if "quirks" in data:
        data["quirks"] = sorted(script.quirks)
    return data


def from_header(value: str, base: Script) -> Script:
    """The script that the request's own header asks for."""
    data = json.loads(value)
    if not isinstance(data, dict):
        raise ValueError(f"{HEADER} must be a JSON object")
    return parse(data, base)


def from_model(model: str, base: Script) -> Script:
    """The script inside a model name: ``NAME@world:key=value,key=value``; quirks by ``+``."""
    _, mark, text = model.partition(MODEL_MARK)
    return parse(dict(_pair(item) for item in text.split(",") if item), base) if mark else base


def plain_model(model: str) -> str:
    """The model name without the script in it."""
    return model.partition(MODEL_MARK)[0]


def _pair(item: str) -> tuple[str, Any]:
    key, _, value = item.partition("=")
    if key == "quirks":
        return key, value.split("+")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


@dataclass(slots=True)
class Rule:
    """A script for the requests that match all given globs; ``times`` None means for ever."""

    script: Script
    host: str = "*"
    path: str = "*"
    method: str = "*"
    model: str = "*"
    times: int | None = None

    def matches(self, method: str, host: str, path: str, model: str) -> bool:
        """Whether it applies (globs are case-sensitive, ``path`` is without the query)."""
        pairs = ((self.method, method), (self.host, host), (self.path, path), (self.model, model))
        return self.times != 0 and all(fnmatchcase(value, glob) for glob, value in pairs)


def parse_rule(data: Mapping[str, Any]) -> Rule:
    """A rule from ``{host?, path?, method?, model?, times?, script: {...}}``."""
    unknown = set(data) - {"script", "host", "path", "method", "model", "times"}
    if unknown:
        raise ValueError(f"unknown rule keys: {sorted(unknown)}")
    rest = {key: value for key, value in data.items() if key != "script"}
    return Rule(script=parse(data.get("script", {})), **rest)


@dataclass(slots=True)
class Book:
    """The rules in force: the first that matches is used, and used up when it counts ``times``."""

    default: Script = field(default_factory=Script)
    rules: list[Rule] = field(default_factory=list)

    def pick(self, method: str, host: str, path: str, model: str) -> Script:
        """The script for a request, before what the request itself asks for."""
        for rule in self.rules:
            if rule.matches(method, host, path, model):
                if rule.times is not None:
                    rule.times -= 1
                return rule.script
        return self.default
