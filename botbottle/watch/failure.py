"""A failure as a record of the log: what is known of it, and never a value."""

from __future__ import annotations

import traceback
from pathlib import PurePath
from typing import Any

from botbottle.errors import BBError

FRAMES = 4  # innermost frames told of a bug


def record_of(error: Exception) -> dict[str, Any]:
    """``failed`` with code and message for what is expected; ``bug`` with type and place for the
    rest, whose text is left out because it may carry a value."""
    if isinstance(error, BBError):
        return {
            "event": "failed",
            "level": "error",
            "code": error.code,
            "message": str(error),
            **({"next": error.hint} if error.hint else {}),
        }
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return {
        "event": "bug",
        "level": "error",
        "type": type(error).__qualname__,
        "at": [f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames],
    }
