"""``bb scan`` waits for nobody to write, and reads what somebody writes."""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

import pytest

from botbottle.dlp.command import ScanOptions, run
from botbottle.errors import UsageError
from tests.dlp.conftest import github


def found(path: str) -> str:
    out = io.StringIO()
    run([path], ScanOptions(), out, io.BytesIO())
    return out.getvalue()


@pytest.mark.parametrize("link", [False, True])
def test_a_named_pipe_is_refused(tmp_path: Path, link: bool) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if link:
        (tmp_path / "link").symlink_to(pipe)
    with pytest.raises(UsageError, match="is a named pipe"):
        found(str(tmp_path / ("link" if link else "pipe")))
    assert found(str(tmp_path)) == "", "in a folder it is no file"


def test_the_pipe_of_a_shell_is_read(rng: random.Random) -> None:
    end, start = os.pipe()
    os.write(start, f"key = {github(rng)}\n".encode())
    os.close(start)
    try:
        assert "github.token" in found(f"/dev/fd/{end}")
    finally:
        os.close(end)
