"""A disk without room, or that cannot be written, stops no order: the agent may have filled it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.live import Internet, Live

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")


def mount(*args: str) -> None:
    subprocess.run(["mount", *args], check=True)


@pytest.fixture
def small(internet: Internet, tmp_path: Path) -> Iterator[Live]:
    """A running bottle whose home is a file system of its own, of 48 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place))
    internet.reset()
    made = Live(place, internet)
    try:
        made.bottle()
        made.agent()
        made.apply()
        yield made
    finally:
        made.cleanup()
        while place.is_mount():
            subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> None:
    with (place / "ballast").open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\1" * size)
            except OSError:
                continue
    assert os.statvfs(place).f_bavail == 0


def make_room(place: Path) -> None:
    (place / "ballast").unlink()


def seal(place: Path) -> None:
    mount("--bind", str(place), str(place))
    mount("-o", "remount,ro,bind", str(place))


def open_up(place: Path) -> None:
    subprocess.run(["umount", "-l", str(place)], check=True)


STATES: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "full": (fill, make_room),
    "read-only": (seal, open_up),
}


@pytest.mark.parametrize("state", STATES)
def test_an_order_is_carried_out_unrecorded_and_then_repeated(small: Live, state: str) -> None:
    place = small.home.parent
    spoil, mend = STATES[state]
    spoil(place)
    frozen = small.bb("freeze", "web", code=None)
    assert frozen.returncode not in (0, 70), "what is not recorded is not said to be done"
    assert "stopped, but no snapshot was taken; it is not recorded" in frozen.stderr
    assert not small.inspect()["State"]["Running"]
    killed = small.bb("kill", "web", code=None)
    assert killed.returncode not in (0, 70) and "removed; it is not recorded" in killed.stderr
    assert small.containers("web") == []
    mend(place)
    small.bb("kill", "web")
    assert "bb release web" in small.bb("apply", "--yes").stdout
    assert small.containers("web") == []
    carried_out = [r for r in small.json("audit")["rows"] if r["action"] == "enforce"]
    assert [r["policy"] for r in carried_out] == ["kill"]


@pytest.mark.parametrize("state", STATES)
def test_everything_is_destroyed_and_the_ledger_caught_up_later(small: Live, state: str) -> None:
    place = small.home.parent
    spoil, mend = STATES[state]
    spoil(place)
    done = small.bb("destroy", "--yes", code=None)
    assert done.returncode not in (0, 70) and "not recorded, as the ledger refused" in done.stderr
    assert small.containers("web") == []
    apply = small.bb("apply", "--yes", "--allow", "widen,budget,destroy", code=None)
    assert apply.returncode not in (0, 70) and small.containers("web") == [], "nothing is made"
    mend(place)
    small.bb("destroy", "--yes")
    assert small.bb("plan", "--detailed-exitcode", code=2)
    small.apply()
    assert small.inspect()["State"]["Running"]
