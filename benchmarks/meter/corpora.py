"""Texts of the kinds agents send, from what is on the machine and from a seeded generator."""

from __future__ import annotations

import base64
import importlib.metadata
import json
import random
import sysconfig
from collections.abc import Callable
from pathlib import Path

PIECE = 6_000  # characters of one sample


def _pieces(paths: list[Path], rng: random.Random, count: int) -> list[str]:
    texts = [p.read_text("utf-8", "replace") for p in rng.sample(paths, min(count, len(paths)))]
    starts = [rng.randrange(max(1, len(text) - PIECE)) for text in texts]
    return [text[s : s + PIECE] for text, s in zip(texts, starts, strict=True) if len(text) > 500]


def _stdlib() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def python(rng: random.Random) -> list[str]:
    return _pieces(sorted(_stdlib().glob("*.py")), rng, 30)


def prose(rng: random.Random) -> list[str]:
    texts = {
        d.metadata["Name"]: d.read_text("METADATA") for d in importlib.metadata.distributions()
    }
    long = [text for _, text in sorted(texts.items()) if text and len(text) > 3000]
    return [text[1000 : 1000 + PIECE] for text in rng.sample(long, min(25, len(long)))]


def minified(rng: random.Random) -> list[str]:
    pure = Path(sysconfig.get_path("purelib"))
    large = [p for p in sorted(pure.glob("**/*.js")) if p.stat().st_size > 20_000]
    return _pieces(large, rng, 10) + _pieces(large, rng, 10)


def languages(rng: random.Random) -> list[str]:
    """CJK samples of the standard library's test suite, and editors' tutorials if installed."""
    cjk = sorted((_stdlib() / "test" / "cjkencodings").glob("*-utf8.txt"))
    tutors = sorted(Path("/usr/share/vim").glob("vim*/tutor/tutor.*.utf-8"))
    return _pieces(cjk, rng, 12) + _pieces(tutors, rng, 40)


def packed(rng: random.Random) -> list[str]:
    raw = [rng.randbytes(3000) for _ in range(12)]
    return [base64.b64encode(b).decode() for b in raw[:6]] + [b.hex() for b in raw[6:]]


def logs(rng: random.Random) -> list[str]:
    def line() -> str:
        when = f"2026-11-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
        return (
            f"{when} INFO worker[{rng.randint(1, 9999)}]: {rng.randbytes(8).hex()} {rng.random()}"
        )

    return ["\n".join(line() for _ in range(80)) for _ in range(12)]


def requests(rng: random.Random) -> list[str]:
    """Messages requests of a coding agent: tools, a system prompt, files read back."""
    files, manuals, out = python(rng), prose(rng), []
    for _ in range(20):
        schema = {"type": "object", "required": ["path"], "properties": {
            name: {"type": "string", "description": f"The {name} to use"}
            for name in ("path", "pattern", "command")}}  # fmt: skip
        tools = [{"name": n, "description": rng.choice(manuals)[:700], "input_schema": schema}
                 for n in ("Read", "Bash", "Edit")]  # fmt: skip
        turns = []
        for at in range(5):
            use = {
                "type": "tool_use",
                "id": f"toolu_{at}",
                "name": "Read",
                "input": {"path": "a.py"},
            }
            got = {
                "type": "tool_result",
                "tool_use_id": f"toolu_{at}",
                "content": rng.choice(files),
            }
            turns += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [got]}]
        doc = {"model": "claude", "system": rng.choice(manuals), "tools": tools, "messages": turns}
        out.append(json.dumps(doc))
    return out


CORPORA: dict[str, Callable[[random.Random], list[str]]] = {
    "python": python,
    "prose": prose,
    "minified_js": minified,
    "other_languages": languages,
    "base64_and_hex": packed,
    "logs": logs,
    "agent_requests": requests,
}
