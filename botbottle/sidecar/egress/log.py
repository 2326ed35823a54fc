"""JSON lines on stdout, one object a line; what level shows what is the bottle's ``egress.log``.

0: only the sidecar's own start, stop and failures. 1: also denials and warnings. 2: also every
request, without bodies, query values or header values.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from typing import Any, TextIO

_LEVELS = {"error": 0, "info": 0, "block": 1, "warn": 1, "request": 2}
KEPT_DENIALS = 500


class Log:
    """Writes log lines and remembers the last denials for ``bb denials``."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self.level = 1
        self.denials: deque[dict[str, Any]] = deque(maxlen=KEPT_DENIALS)

    def write(self, kind: str, event: str, **data: Any) -> None:
        """One line if the level shows ``kind``. Never raises: a full disk must not open a gate,
        nor a closed pipe stop one."""
        if kind == "block":
            self.denials.append({"at": round(time.time(), 3), "event": event, **data})
        if _LEVELS[kind] > self.level:
            return
        line = {"at": round(time.time(), 3), "kind": kind, "event": event, **data}
        try:
            self._stream.write(json.dumps(line, separators=(",", ":"), default=str) + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            self.level = -1  # nobody reads: stop formatting

    @property
    def requests(self) -> bool:
        """Whether requests are shown (so that callers need not build the line)."""
        return self.level >= 2


def described(error: BaseException | None) -> str:
    """What failed and where, without values: they could be anything that passed through."""
    trace, place = getattr(error, "__traceback__", None), ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
