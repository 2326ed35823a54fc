"""What importing the loader brings along, and what it leaves as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SEEN = """
import json, sys
import typing_extensions
before = typing_extensions.deprecated
from botbottle.load import load
print(json.dumps(["asyncio" in sys.modules, typing_extensions.deprecated is before]))
"""


@pytest.mark.skipif(sys.version_info < (3, 13), reason="the library has no such decorator")
def test_reading_manifests_does_without_asyncio_and_changes_nothing_for_others() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SEEN], capture_output=True, text=True, timeout=120, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert json.loads(ran.stdout) == [False, True]
