"""A failure as a record of the log: what is known of it, and never a value."""

from __future__ import annotations

import traceback
from pathlib import PurePath
from typing import Any

from botbottle.errors import BBError
from botbottle.surroundings import of_surroundings, refused_by_machine

FRAMES = 4  # innermost frames told of a bug


def record_of(error: Exception) -> dict[str, Any]:
    """``failed`` with code and message for what is expected, also of the machine (a full disk);
    ``bug`` with type and place for the rest, whose text is left out because it may carry a value.
    Where the machine did not say which file it was about, the innermost frame tells the place."""
    if refused_by_machine(error):
        place = {} if error.filename else {"at": _frames(error)[-1:]}
        return record_of(of_surroundings(error)) | place
    if isinstance(error, BBError):
        return {
            "event": "failed",
            "level": "error",
            "code": error.code,
            "message": str(error),
            **({"next": error.hint} if error.hint else {}),
        }
    return {
        "event": "bug",
        "level": "error",
        "type": type(error).__qualname__,
        "at": _frames(error),
    }


def _frames(error: Exception) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return [f"{PurePath(f.filename).name}:{f.lineno} {f.name}" for f in frames]
