"""A home that was applied once, and a directory outside of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from botbottle.load import inputs
from tests.load.homes import BASE, write
from tests.load.keeping import ROUTE


@pytest.fixture(scope="package", autouse=True)
def still_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept holds for the code that kept it, and a checkout may be edited while it is
    tested: here the code is a part of it that nobody else has."""
    copy = shutil.copytree(inputs.PACKAGE / "load", tmp_path_factory.mktemp("code") / "load")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "PACKAGE", Path(copy))
        yield


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
