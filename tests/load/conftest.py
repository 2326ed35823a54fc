"""A home that was applied once, and a directory outside of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.homes import BASE, write
from tests.load.keeping import ROUTE


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that was applied once."""
    made = write(
        tmp_path / "home", {"bottles/base": f"{BASE}\n{ROUTE}", "agents/web": "bottle: base"}
    )
    (made / "run").mkdir(mode=0o700)
    return made


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    made = tmp_path / "work"
    made.mkdir()
    return made
