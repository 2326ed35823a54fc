"""The home's own files as an apply makes them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from botbottle.applying import prepare_home
from botbottle.model.paths import HomePaths


def test_what_an_apply_makes_is_its_owners_alone_and_made_once(tmp_path: Path) -> None:
    paths = HomePaths(str(tmp_path / "home"))
    prepare_home(paths)
    key = Path(paths.fingerprint_key)
    first = key.read_bytes()
    prepare_home(paths)
    assert key.read_bytes() == first and len(first) == 32
    assert key.stat().st_mode & 0o777 == 0o600
    for folder in (Path(paths.home), Path(paths.home, "run"), Path(paths.ledger_dir)):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in Path(paths.home, "run").iterdir()] == ["fingerprint.key"]


def test_a_full_disk_leaves_no_part_of_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("botbottle.applying.secrets.token_bytes", full)
    paths = HomePaths(str(tmp_path / "home"))
    with pytest.raises(OSError, match="No space left"):
        prepare_home(paths)
    assert list(Path(paths.home, "run").iterdir()) == []
