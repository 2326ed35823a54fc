"""Put a field bug of the sidecar in by hand, in a copy, and see that its test fails.

    python -m tests.sidecar_egress.mutants

As tests/meter/mutants.py, for what the meter alone cannot get wrong. Prints one line a mutant;
exits 1 if one survives.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.support.mutating import ROOT, Mutant, passes, put_in, report

TESTS, CHOSEN = "tests/sidecar_egress/test_cut.py", "at_most_two_chunks"
MUTANTS = (
    # mitmproxy's own way to end a flow does nothing to a response that is on its way.
    Mutant(32, "ending.py", "passage.driver.feed(CutStream(flow))", "flow.kill()"),
)


def survives(mutant: Mutant, copy: Path) -> bool:
    """True when the tests still pass with the bug put into the copy."""
    with put_in(mutant, copy / "botbottle/sidecar/egress" / mutant.file):
        return passes(copy, TESTS, CHOSEN, seconds=300)


def main() -> int:
    """Run all of them."""
    skip = shutil.ignore_patterns("__pycache__")
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for part in ("botbottle", "tests"):
            shutil.copytree(ROOT / part, copy / part, ignore=skip)
        shutil.copy(ROOT / "pyproject.toml", copy)
        return report((mutant, survives(mutant, copy)) for mutant in MUTANTS)


if __name__ == "__main__":
    sys.exit(main())
