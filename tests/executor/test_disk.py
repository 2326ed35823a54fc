"""A disk that is too full for a snapshot refuses before the bottle is paused."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.errors import Refused
from botbottle.executor import disk
from botbottle.executor.handlers import carry_out
from botbottle.executor.names import Names
from botbottle.model.plan import PauseContainer, Ref


class Engine:
    """Says where its data is, and remembers what it was asked to pause."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.paused: list[Ref] = []

    def storage(self) -> str:
        return self.directory

    def pause(self, ref: Ref) -> None:
        self.paused.append(ref)


class Tools:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ledger = None


def pause(engine: Engine, reason: str = "frozen") -> None:
    op = PauseContainer(
        id="pause", resource="web/agent", bottle="web", reason=reason, ref=Ref("a", "1")
    )
    carry_out(op, Tools(engine), Names(), "")  # type: ignore[arg-type]  # what a pause needs


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(disk, "NEEDED", 1 << 62)
    return Engine(str(tmp_path))


def test_a_full_disk_refuses_before_pausing(full: Engine) -> None:
    with pytest.raises(Refused, match="was not paused") as caught:
        pause(full)
    assert caught.value.code == "BB7305" and full.paused == []


def test_with_room_the_bottle_is_paused(tmp_path: Path) -> None:
    assert (disk.free_bytes(str(tmp_path)) or 0) > 0
    engine = Engine(str(tmp_path))
    disk_needed = disk.NEEDED
    disk.NEEDED = 1
    try:
        pause(engine)
    finally:
        disk.NEEDED = disk_needed
    assert engine.paused == [Ref("a", "1")]


@pytest.mark.parametrize("directory", ["", "/nowhere/at/all"])
def test_an_engine_whose_disk_cannot_be_seen_is_left_to_say_so_itself(directory: str) -> None:
    engine = Engine(directory)
    pause(engine)
    assert engine.paused


def test_a_pause_for_another_reason_needs_no_room(full: Engine) -> None:
    pause(full, "test")
    assert full.paused
