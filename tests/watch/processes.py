"""What tests of a watch process look at: its lease, and the files of its home."""

from __future__ import annotations

from pathlib import Path

from botbottle.ledger import open_ledger
from botbottle.model.paths import HomePaths
from tests.watch.conftest import Watching


def lease(watching: Watching) -> object:
    ledger = open_ledger(HomePaths(str(watching.home)).ledger_db, create=False, read_only=True)
    try:
        return ledger.lease("watch/home")
    finally:
        ledger.close()


def files(home: Path) -> dict[str, tuple[int, int]]:
    return {
        str(p.relative_to(home)): (p.stat().st_size, p.stat().st_mtime_ns)
        for p in home.rglob("*") if p.is_file()
    }  # fmt: skip
