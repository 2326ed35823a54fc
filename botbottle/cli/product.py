"""Writing what a verb produces to a file that its caller named."""

from __future__ import annotations

import os
from pathlib import Path

from botbottle.errors import BBError


def write_private(path: Path, text: str, what: str) -> None:
    """``text`` in the place of whatever is at ``path``: mode 0600, as a whole or not at all.
    Raises BBError, which names ``what`` it was."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(new, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise BBError(
            f"{what} cannot be written: {error.strerror}",
            where=str(path),
            hint="name a file in a directory that you can write to",
        ) from error
