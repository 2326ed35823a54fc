"""Where the texts come from: labelled corpora, clean files of this machine, generated bodies."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SETS = ("gitleaks", "betterleaks", "provider24_dev")
FORMS = ("raw", "json", "json2")
_SKIP = (".gz", ".pyc", ".so", ".png", ".whl", ".exe", ".zip", ".bin", ".svgz", ".pyd")


def folder() -> Path | None:
    """The directory with secrets_*.jsonl.gz and injection_*.jsonl.gz, from ``BB_CORPORA``."""
    given = os.environ.get("BB_CORPORA", "")
    return Path(given) if given else None


def rows(path: Path) -> list[dict[str, Any]]:
    """All rows of a compressed JSON-lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def forms(text: str) -> tuple[bytes, bytes, bytes]:
    """The text as it is, inside a JSON request body, and as JSON inside JSON."""
    block = {"type": "tool_result", "tool_use_id": "toolu_01", "content": text}
    once = json.dumps({"messages": [{"role": "user", "content": [block]}]})
    twice = json.dumps({"jsonrpc": "2.0", "params": {"text": json.dumps({"content": text})}})
    return text.encode("utf-8", "surrogatepass"), once.encode(), twice.encode()


def clean_files(limit: int) -> Iterator[tuple[Path, bytes]]:
    """Text files of the Python standard library and of /usr/share/doc, up to ``limit`` bytes."""
    total = 0
    for root in (Path(os.__file__).parent, Path("/usr/share/doc"), Path("/usr/lib/python3")):
        for path in sorted(root.rglob("*")):
            data = _clean(path)
            if data:
                total += len(data)
                yield path, data
            if total > limit:
                return


def _clean(path: Path) -> bytes:
    if path.suffix in _SKIP or path.is_symlink() or not path.is_file():
        return b""
    if "site-packages" in path.parts or path.stat().st_size > 4_000_000:
        return b""
    data = path.read_bytes()
    return b"" if b"\0" in data[:1000] else data


def body(size: int, seed: int) -> bytes:
    """A Messages API request of about ``size`` bytes made of the standard library's source."""
    rng = random.Random(seed)
    sources = sorted(Path(os.__file__).parent.glob("*.py"))
    blocks: list[dict[str, str]] = []
    total = 0
    while total < size:
        text = rng.choice(sources).read_text("utf-8", "replace")[: max(200, size - total)]
        blocks.append(
            {"type": "tool_result", "tool_use_id": f"toolu_{len(blocks):05}", "content": text}
        )
        total += len(text)
    message = {"model": "m", "max_tokens": 1024, "messages": [{"role": "user", "content": blocks}]}
    return json.dumps(message).encode()[:size]
