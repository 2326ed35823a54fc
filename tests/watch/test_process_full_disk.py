"""A watch whose home has no room left: it says so, goes on, and has its lease again afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from botbottle.errors import Exit
from tests.watch.conftest import AGENT, BOTTLE, Watching
from tests.watch.processes import lease


def mounted(place: Path) -> bool:
    argv = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(place)]
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small(watching: Watching) -> Iterator[Watching]:
    """Its home is a file system of its own; what is written elsewhere has room."""
    place = watching.home
    if os.geteuid() != 0 or not mounted(place):
        pytest.skip("cannot mount a small file system")
    watching.manifest("bottles/base.md", BOTTLE)
    watching.manifest("agents/web.md", AGENT)
    yield watching
    watching.close()
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(home: Path) -> None:
    with (home / "ballast").open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\1" * size)
            except OSError:
                continue
    assert os.statvfs(home).f_bavail == 0


def test_it_says_so_goes_on_and_takes_its_lease_again(small: Watching) -> None:
    watch = small.start("watch")
    watch.saw("pass")
    fill(small.home)
    failed = watch.saw("failed", 2)
    told = [f for f in failed if f["key"] == "lease"]
    assert told and told[0]["level"] == "error" and "full" in told[0]["message"], failed
    assert watch.run.poll() is None
    (small.home / "ballast").unlink()
    assert watch.saw("recovered")[0]["key"] == "lease"
    before = len(watch.records("pass"))
    small.manifest("agents/more.md", AGENT)
    watch.saw("pass", before + 1)
    assert lease(small) is not None
    assert watch.end() == Exit.OK
