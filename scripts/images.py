"""Build images before something needs them, with progress, then become that something.

    python scripts/images.py NAME... [-- CMD...]

Tests and the demo start in parallel processes; building first keeps them from building the same
image twice.
"""

from __future__ import annotations

import os
import sys
import time

from botbottle.engine.docker import connect
from botbottle.errors import BBError, exit_code_for
from botbottle.images import ensure


def main(argv: list[str]) -> int:
    """Build, then exec. Returns only on failure or without a command."""
    names, command = argv, []
    if "--" in argv:
        cut = argv.index("--")
        names, command = argv[:cut], argv[cut + 1 :]
    start = time.monotonic()
    try:
        engine = connect()
        for name in names:
            ensure(engine, name, say)
    except BBError as error:
        sys.stderr.write(f"error: {error}\n" + (f"  hint: {error.hint}\n" if error.hint else ""))
        return exit_code_for(error)
    say(f"images are ready ({time.monotonic() - start:.0f} s)")
    if command:
        os.execvp(command[0], command)
    return 0


def say(text: str) -> None:
    """Progress, on standard error like every other message of the scripts."""
    print(f"▸ {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
