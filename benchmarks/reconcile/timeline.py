"""Where the time of one apply goes, from the events that it writes itself (``--events``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def timeline(events: Path, begin: float, end: float) -> dict[str, float]:
    """Milliseconds since ``begin``, when the process was started, at which each step had ended
    (all times in seconds since the epoch). Operations may overlap; the rest does not."""
    found = [json.loads(line) for line in events.read_text().splitlines()]
    steps = {name: at for name, at in map(step, found) if name}
    steps |= {"the process": end}
    return {name: round(1000 * (at - begin), 1) for name, at in steps.items()}


def step(event: dict[str, Any]) -> tuple[str, float]:
    """The step that this event ends; no name for the others."""
    match event["type"]:
        case "RunStarted":
            return "start, manifests, plan, lock", event["ts"]
        case "OpDone":
            return ":".join(event["op_id"].split(":")[:2]), event["ts"]
        case "RunDone":
            return "it stays up, second plan", event["ts"]
        case _:
            return "", 0.0
