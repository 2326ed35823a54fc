"""Put a mistake into a copy of the project and see whether the tests notice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Mutant(NamedTuple):
    """Text that occurs once in a file, and what takes its place: field bug ``bug`` is back."""

    bug: int
    file: str
    old: str
    new: str


@contextmanager
def put_in(mutant: Mutant, path: Path) -> Iterator[None]:
    """The file has the bug while this lasts."""
    text = path.read_text("utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"mutant of bug {mutant.bug} no longer applies: {mutant.old!r}")
    path.write_text(text.replace(mutant.old, mutant.new), "utf-8")
    try:
        yield
    finally:
        path.write_text(text, "utf-8")


def passes(copy: Path, tests: str, chosen: str, *, seconds: int) -> bool:
    """Whether the tests ``chosen`` of a file pass in a copy of the project."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
               tests, "-k", chosen]  # fmt: skip
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=seconds)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{chosen}: pytest failed to run\n{done.stdout}{done.stderr}")
    return done.returncode == 0


def report(judged: Iterable[tuple[Mutant, bool]]) -> int:
    """One line a mutant and whether it lives; 1 if one does."""
    lived = total = 0
    for mutant, lives in judged:
        lived, total = lived + lives, total + 1
        put = mutant.new.strip().partition("\n")[0][:60] or "(removed)"
        verdict = "SURVIVES" if lives else "caught"
        print(f"bug {mutant.bug:02} {verdict:8} {mutant.file}: {put}", flush=True)
    print(f"{total - lived} of {total} mutants caught")
    return 1 if lived else 0
