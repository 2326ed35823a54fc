"""``python -m tests.fuzz NAME [RUNS]``: a target under atheris, guided by coverage.

atheris is not among the project's dependencies: ``pip install atheris`` first.
"""

from __future__ import annotations

import sys

from tests.fuzz.targets import TARGETS


def main() -> None:
    """Run one target."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz {'|'.join(TARGETS)} [RUNS]")
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    name, runs = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "100000"
    atheris.instrument_all()
    atheris.Setup([name, f"-runs={runs}", "-max_len=2048", "-timeout=10"], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
