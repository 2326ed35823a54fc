"""``python -m benchmarks.ledger [--seconds N] [--rounds N] [--seeds N]``: all figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
from pathlib import Path

from benchmarks.ledger import gate, load, overrun

RESULT = Path(__file__).parents[1] / "results" / "ledger.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1000)
    options = parser.parse_args()
    result = {
        "command": "python -m benchmarks.ledger",
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "load": os.getloadavg()[0],
        },
        "saturated": load.compare(10, options.seconds, options.rounds, 0.0),
        "paced": load.compare(10, options.seconds, options.rounds, 0.02),
        "gate_read": gate.measure(),
        "overrun": overrun.measure(options.seeds),
    }
    text = json.dumps(result, indent=1)
    RESULT.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
