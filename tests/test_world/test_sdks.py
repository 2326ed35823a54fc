"""The vendors' own SDKs parse what the world sends, and their figures are the truth's.

Slow (the SDKs are installed into a virtual environment in the checkout's cache), hence ``engine``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.test_world.decode import (
    FULL,
    from_chat,
    from_converse,
    from_gemini,
    from_interactions,
    from_messages,
    from_responses,
    messages_usage,
    tokens,
)
from tests.world import World

pytestmark = pytest.mark.engine

HERE = Path(__file__).resolve().parent
VENV = HERE.parents[1] / ".cache" / "world-sdks"
SDKS = (
    "anthropic==2.12.0",
    "boto3==1.44.5",
    "google-genai==3.4.0",
    "ollama==0.6.3",
    "openai==3.54.0",
    "websockets",
)
# What each dialect can say of the classes of FULL.
SHORT = FULL | {"cache_write_5m": 12, "cache_write_1h": 0}
PLAIN = FULL | {"input_uncached": 112, "cache_write_5m": 0, "cache_write_1h": 0}
SILENT = {"reasoning": 0}


def python() -> str:
    """The interpreter that has the SDKs; made once."""
    binary = VENV / "bin" / "python"
    if not (VENV / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        install = [str(binary), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, *SDKS], check=True, timeout=600)
        (VENV / "done").touch()
    return str(binary)


def ollama(value: dict[str, Any]) -> dict[str, int]:
    """Ollama's types know nothing of the cache."""
    return tokens(input_uncached=value["prompt_eval_count"] - 30, cache_read=30) | {
        "output": value["eval_count"]
    }


READERS: dict[str, tuple[Any, Any]] = {
    "messages": (from_messages, FULL),
    "chat": (from_chat, SHORT),
    "responses": (from_responses, FULL),
    "gemini": (from_gemini, PLAIN),
    "interactions": (from_interactions, PLAIN),
    "converse": (from_converse, FULL | SILENT),
    "invoke": (messages_usage, FULL | SILENT),
    "ollama": (ollama, PLAIN | SILENT),
    "input": (lambda count: count, 142),
}


def test_every_sdk_reads_exactly_what_was_sent(world: World) -> None:
    world.script(usage=FULL)
    done = subprocess.run(
        [python(), "-W", "ignore", str(HERE / "sdk_probe.py"), world.http_url],
        env={"PATH": os.environ["PATH"], "HOME": str(VENV)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.split("\n") if line]
    for sdk, name, usage in lines:
        read, wanted = READERS[name]
        assert read(usage) == wanted, (sdk, name, usage)
    assert Counter(sdk for sdk, _, _ in lines) == {
        "claude": 4,
        "codex": 8,
        "gemini": 5,
        "bedrock": 4,
        "local": 2,
    }
    totals = world.totals()
    assert totals["billed"] == totals["reported"]
    assert totals["responses"] == 3 + 7 + 4 + 3 + 2
