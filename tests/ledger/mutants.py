"""Put the field bugs of a ledger in by hand, in a copy, and see that their named tests fail.

    python -m tests.ledger.mutants [NUMBER ...]

As tests/meter/mutants.py, on SQLite. Prints one line a mutant; exits 1 if one survives.
"""

# ruff: noqa: E501 - one mutant a line reads best
from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.support.mutating import ROOT, Mutant, passes, put_in, report

TESTS = "tests/ledger/test_field_bugs.py"
MUTANTS = (
    Mutant(21, "ledger/spending.py", "        if known and not any(delta):\n            return False\n", ""),
    Mutant(21, "ledger/spending.py", "        if earlier:\n", "        if False:\n"),
    Mutant(22, "ledger/spending.py", "    def _book_again(\n", "    def _book_again(self, *_):\n        return False\n\n    def _unused(\n"),
    Mutant(24, "ledger/books.py", "true = stamp is not None and stamp == self._stamp", "true = self._stamp is not None"),
    Mutant(24, "ledger/governing.py", "held = reserved.get(pool, 0) - own", "held = 0"),
    Mutant(24, "ledger/reservations.py", "            reserved[key] += amount", "            pass"),
    Mutant(24, "ledger/sqlite.py", "        self._place = None if memory else _place(path)\n", "        self._place = None if memory else _place(path)\n        self.others = lambda: 0\n"),
    Mutant(26, "ledger/books.py", "self._db.insert(OPEN, rows, ADD_OPEN)", "pass"),
    Mutant(26, "ledger/sums.py", '    " + (SELECT coalesce(sum(tokens), 0) FROM spend_open"', '    " + 0 * (SELECT coalesce(sum(tokens), 0) FROM spend_open"'),
    Mutant(27, "ledger/gate.py", "own = bool(lease) and self.books.leases.drop(lease, account)", "own = False"),
    Mutant(27, "ledger/gate.py", "            self.books.leases.drop(lease, account)\n\n    def forget", "\n    def forget"),
    Mutant(27, "ledger/reservations.py", "            self._count(found, -1)", "            pass"),
    Mutant(27, "ledger/reservations.py", "        if not self._counted_at <= now < self._until:", "        if False:"),
    Mutant(27, "ledger/pools.py", '" WHERE r.provider = ? AND r.expires_at > ?"', '" WHERE r.provider = ? AND ? > 0"'),
    Mutant(28, "ledger/budgets.py", '        self._revise()\n\n    def _in_force', '\n    def _in_force'),
    Mutant(28, "ledger/budgets.py", "            spent = max(0, gross - self._baseline(key, now))\n", "            spent = gross\n"),
    Mutant(28, "ledger/governing.py", "        if self._resets:\n            spent", "        if False:\n            spent"),
    Mutant(29, "ledger/pools.py", "        return precedence.with_overrides(scopes, self._overrides())", "        return tuple(scopes)"),
    Mutant(29, "budget/precedence.py", "if x.provider == provider]", "]"),
)  # fmt: skip


def survives(mutant: Mutant, copy: Path) -> bool:
    """True when every test of the bug still passes with the bug put into the copy."""
    with put_in(mutant, copy / "botbottle" / mutant.file):
        return passes(copy, TESTS, f"test_bug_{mutant.bug:02} and sqlite", seconds=300)


def _copy(into: Path) -> None:
    skip = shutil.ignore_patterns("__pycache__")
    for part in ("botbottle", "tests/ledger"):
        shutil.copytree(ROOT / part, into / part, ignore=skip)
    for part in ("tests/__init__.py", "pyproject.toml"):
        shutil.copy(ROOT / part, into / part)


def main(numbers: list[int]) -> int:
    """Run the mutants of the given bugs (all by default)."""
    chosen = [m for m in MUTANTS if not numbers or m.bug in numbers]
    with tempfile.TemporaryDirectory() as name:
        _copy(Path(name))
        return report((mutant, survives(mutant, Path(name))) for mutant in chosen)


if __name__ == "__main__":
    sys.exit(main([int(a) for a in sys.argv[1:]]))
