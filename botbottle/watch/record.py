"""The flight recorder: every input and decision of a watch, so that ``bb replay`` can plan them
again without an engine.

JSON lines. ``input`` lines hold what plans are made from, each distinct value once, under its
digest; ``pass`` lines name their inputs and say what was decided, under the number that the log
gives the pass: one that carries something out looks again under the lock, and has two lines.
``log`` lines repeat the log; an ``end`` line is the last of a recording that ended in order.
Plans hold no secret, and neither do their inputs; the file is private all the same.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from botbottle import __version__
from botbottle.errors import UsageError
from botbottle.model import canonical
from botbottle.model.plan import Plan
from botbottle.watch.inputs import Inputs
from botbottle.watch.log import private
from botbottle.watch.select import Decision

FORMAT = "3.2"  # 1: the ledger had one snapshot of each bottle; 2: accounts were digests
LIMIT = 512 * 1024 * 1024  # bytes of a recording
END_ROOM = 100  # of them for the last line


def plan_digest(plan: Plan) -> str:
    """Over the whole plan, addresses and notices included: the replay must give the same bytes."""
    return canonical.digest(plan, 32)


class Recorder:
    """Writes a recording. What it cannot write it leaves out, and ``log`` says so once."""

    def __init__(
        self, path: Path, project: str, log: Callable[[dict[str, Any]], None],
        limit: int = LIMIT,
    ) -> None:  # fmt: skip
        try:
            self._file = open(path, "x", encoding="utf-8", opener=private)  # noqa: SIM115  # Path.open has no opener
        except OSError as error:
            raise UsageError(f"--record {path}: {error.strerror}") from error
        self._log, self._left, self._off = log, limit - END_ROOM, False
        self._inputs: Inputs | None = None
        self._known: set[str] = set()
        self._pass = self._look = 0
        self._write({"type": "recording", "format": FORMAT, "bb": __version__, "project": project})

    def saw(self, inputs: Inputs) -> None:
        """What the next decision is made from."""
        self._inputs = inputs

    def decided(self, number: int, decision: Decision) -> None:
        """What came of it in pass ``number``."""
        inputs, self._inputs = self._inputs, None
        if inputs is None:
            return
        self._look = self._look + 1 if number == self._pass else 1
        self._pass = number
        self._write(
            {
                "type": "pass",
                "pass": number,
                "look": self._look,
                "declared": self._input(inputs.declared),
                "observed": self._input(inputs.observed),
                "facts": self._input(inputs.facts),
                "view": self._input(replace(inputs.view, now=0.0)),
                "now": inputs.view.now,
                "level": decision.level,
                "waiting": sorted(decision.waiting),
                "unheard": sorted(decision.unheard),
                "digest": decision.plan.digest,
                "plan": plan_digest(decision.plan),
                "ops": [op.id for op in decision.plan.ops],
                "part": [op.id for op in decision.part.ops],
            }
        )

    def record(self, record: dict[str, Any]) -> None:
        """A sink of the log."""
        self._write({"type": "log", **record})

    def close(self) -> None:
        if not self._off:
            self._end("closed")
        self._off = True
        with contextlib.suppress(OSError):
            self._file.close()

    def _input(self, value: object) -> str:
        text = canonical.canonical(value)
        digest = canonical.digest_text(text, 32)
        if digest not in self._known:
            self._known.add(digest)
            self._raw(f'{{"type":"input","digest":"{digest}","value":{text}}}')
        return digest

    def _write(self, line: dict[str, Any]) -> None:
        self._raw(json.dumps(line, separators=(",", ":")))

    def _raw(self, text: str) -> None:
        if self._off:
            return
        self._left -= len(text.encode()) + 1
        try:
            if self._left < 0:
                self._end("full")
                raise OSError("the recording is full")
            self._file.write(text + "\n")
            self._file.flush()
        except (OSError, ValueError) as error:
            self._off = True
            self._log({"event": "record-ended", "level": "warning", "why": str(error)})

    def _end(self, why: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._file.write(json.dumps({"type": "end", "why": why}, separators=(",", ":")) + "\n")
            self._file.flush()
