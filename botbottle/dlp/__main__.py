"""``python -m botbottle.dlp``: the scan command where the full command line is not installed."""

from __future__ import annotations

import argparse
import os
import sys

from botbottle.dlp.command import FORMATS, ScanOptions, run, standard_input
from botbottle.errors import BBError


def main(arguments: list[str] | None = None) -> int:
    """Parse, scan, report; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m botbottle.dlp", description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="FILE", help="files, directories or - (stdin)")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--each-line", action="store_true", help="one JSON object with text a line")
    parser.add_argument("--direction", choices=("outbound", "inbound"), default="outbound")
    parser.add_argument("--heuristics", action="store_true", help="inbound: the wider phrase set")
    parser.add_argument("--entropy", action="store_true", help="outbound: warn of random strings")
    parser.add_argument("--diff", action="store_true", help="what git has staged")
    parser.add_argument("--min-verdict", default="", help="block, token, supervise or warn")
    parser.add_argument("--known-env", action="append", default=[], metavar="NAME")
    parser.add_argument("--allow", default="", metavar="FILE", help="approved fingerprints")
    given = parser.parse_args(arguments)
    options = ScanOptions(
        format=given.format,
        each_line=given.each_line,
        inbound=given.direction == "inbound",
        wide=given.heuristics,
        entropy=given.entropy,
        diff=given.diff,
        minimum=given.min_verdict,
        allow=given.allow,
        known={n: os.environb[n.encode()] for n in given.known_env if n.encode() in os.environb},
    )
    try:
        return run(given.paths, options, sys.stdout, standard_input())
    except BBError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)


if __name__ == "__main__":
    raise SystemExit(main())
