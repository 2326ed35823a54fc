"""``python -m benchmarks [NAME ...]``: run all benchmarks, or the named ones, one after another.

Each writes ``benchmarks/results/NAME.json`` with its environment and the command that repeats it.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

ALL = (
    ("start", ()),
    ("manifests", ()),
    ("planner", ()),
    ("reconcile", ("--bottles", "10")),
    ("egress", ()),
    ("ledger", ()),
    ("meter", ()),
    ("dlp", ()),
    ("top", ()),
)


def main() -> int:
    """0 when every benchmark ran."""
    wanted = set(sys.argv[1:])
    if unknown := wanted - {name for name, _ in ALL}:
        print(f"unknown: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 64
    failed = []
    for name, arguments in ALL:
        module = f"benchmarks.{name}"
        if (wanted and name not in wanted) or find_spec(f"{module}.__main__") is None:
            continue
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", module, *arguments], check=False)
        if done.returncode:
            failed.append(name)
    print(f"benchmarks failed: {', '.join(failed)}" if failed else "all benchmarks ran")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
