"""How failures are told: expected ones as what, where, why and the next command; bugs as one
line and a log file that holds versions and traceback, never a value."""

from __future__ import annotations

import os
import platform
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from botbottle import __version__
from botbottle.errors import BBError, Exit, exit_code_for


def report(error: BaseException, args: Sequence[str], err: TextIO) -> int:
    """Write the message for ``error`` to ``err`` and return its exit code."""
    if isinstance(error, BBError):
        err.write(describe(error))
    elif isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        err.write("bb: interrupted\n")
        return int(Exit.INTERRUPTED)
    elif isinstance(error, BrokenPipeError):
        return int(Exit.OK)
    else:
        path = write_bug_log(error, args)
        err.write(f"bb: this is a bug: {type(error).__name__}. Details without values: {path}\n")
    return exit_code_for(error)


def describe(error: BBError) -> str:
    """``error BB8001: message`` with place and way out on their own lines."""
    lines = [f"error {error.code}: {error.message}"]
    if error.where:
        lines.append(f"  at: {error.where}")
    lines += [f"  next: {line}" for line in error.hint.splitlines()]
    return "\n".join(lines) + "\n"


def write_bug_log(error: BaseException, args: Sequence[str]) -> Path:
    """A private file with versions, the verb and the frames. Exception texts and arguments are
    left out: they may carry values."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [
        f"bb {__version__} python {platform.python_version()} {platform.platform()}",
        f"verb: {next((a for a in args if not a.startswith('-')), '')}",
        f"exception: {type(error).__module__}.{type(error).__qualname__}",
        *(f"  {f.filename}:{f.lineno} in {f.name}" for f in frames),
    ]
    handle, path = tempfile.mkstemp(prefix="bb-bug-", suffix=".log")
    with os.fdopen(handle, "w") as log:
        log.write("\n".join(lines) + "\n")
    return Path(path)
