"""``python -m botbottle.dlp.compile DIRECTORY``: prepare the rule database for an image.

The sidecar then loads it in a few milliseconds (``BB_DLP_CACHE=DIRECTORY``) instead of compiling
for half a second at each start.
"""

from __future__ import annotations

import sys
from pathlib import Path

from botbottle.dlp.compiled import CompiledRules, engine_name


def main(arguments: list[str] | None = None) -> int:
    """Compile the catalogue into the given directory; 0, or 64 without a directory."""
    given = sys.argv[1:] if arguments is None else arguments
    if len(given) != 1:
        sys.stderr.write("usage: python -m botbottle.dlp.compile DIRECTORY\n")
        return 64
    rules = CompiledRules.build(cache=Path(given[0]))
    count = len(rules.ruleset.expressions)
    sys.stdout.write(f"{count} expressions for the {engine_name()} engine in {given[0]}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
