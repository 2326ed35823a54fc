"""A home with a chain of two bottles and two agents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.load.homes import BASE, write


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write(
        tmp_path / "home",
        {
            "bottles/base": f"{BASE}\nshutdown: kill",
            "bottles/top": "extends: base\nshutdown: freeze",
            "agents/web": "bottle: top\nreplicas: 2",
            "agents/api": "bottle: base",
        },
    )
