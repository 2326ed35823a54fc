"""Measure the DLP library and write benchmarks/results/dlp.json.

    BB_CORPORA=DIR BB_RIVALS=DIR python -m benchmarks.dlp [--quick] [--only PART]

Without ``BB_CORPORA`` recall on the labelled sets is left out; without ``BB_RIVALS`` (see
``compare``) so are gitleaks and Kingfisher, and the results say so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from benchmarks.dlp import compare, recall, slowest, speed

RESULTS = Path(__file__).resolve().parents[1] / "results" / "dlp.json"
PARTS = {"speed": speed.run, "compare": compare.run, "recall": recall.run, "slowest": slowest.run}


def main() -> int:
    """Run what is asked for, keep the other figures of an earlier run, print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer runs and files")
    parser.add_argument("--only", choices=sorted(PARTS))
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    results["environment"] = {**machine, "cpus": os.cpu_count(), "load": os.getloadavg()[0]}
    for name in [options.only] if options.only else PARTS:
        results[name] = PARTS[name](options.quick)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    sys.stdout.write(json.dumps(results, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
