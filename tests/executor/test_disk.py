"""A disk that is too full for a snapshot refuses before the bottle is stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.engine.api import ExecResult
from botbottle.errors import BBError, EngineError, Refused
from botbottle.executor import disk
from botbottle.executor.dispatch import carry_out
from botbottle.executor.names import Names
from botbottle.model.plan import Ref, StopContainer


class Engine:
    """Says where its data is, and remembers what it was asked to kill."""

    def __init__(self, directory: str, answer: ExecResult | BBError | None = None) -> None:
        self.directory = directory
        self.answer = answer or EngineError("no such program")
        self.asked: list[tuple[str, ...]] = []
        self.stopped: list[Ref] = []

    def exec(
        self, ref: Ref, argv: tuple[str, ...], *, user: str = "", timeout: float
    ) -> ExecResult:
        assert user == "0:0", "the agent's own user could stop its programs"
        self.asked.append(argv)
        if isinstance(self.answer, BBError):
            raise self.answer
        return self.answer

    def storage(self) -> str:
        return self.directory

    def kill(self, ref: Ref) -> None:
        self.stopped.append(ref)


class Tools:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.ledger = None


def stop(engine: Engine, reason: str = "frozen") -> None:
    op = StopContainer(
        id="stop", resource="web/agent", bottle="web", reason=reason, ref=Ref("a", "1"), kill=True
    )
    carry_out(op, Tools(engine), Names(), "")  # type: ignore[arg-type]  # what a kill needs


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(disk, "NEEDED", 1 << 62)
    return Engine(str(tmp_path))


def test_a_full_disk_refuses_before_stopping(full: Engine) -> None:
    with pytest.raises(Refused, match="was not stopped") as caught:
        stop(full)
    assert caught.value.code == "BB7305" and full.stopped == []


def test_with_room_the_bottle_is_stopped(tmp_path: Path) -> None:
    assert (disk.free_bytes(str(tmp_path)) or 0) > 0
    engine = Engine(str(tmp_path))
    disk_needed = disk.NEEDED
    disk.NEEDED = 1
    try:
        stop(engine)
    finally:
        disk.NEEDED = disk_needed
    assert engine.stopped == [Ref("a", "1")]


@pytest.mark.parametrize("directory", ["", "/nowhere/at/all"])
def test_an_engine_whose_disk_cannot_be_seen_is_left_to_say_so_itself(directory: str) -> None:
    engine = Engine(directory)
    stop(engine)
    assert engine.stopped and engine.asked == [disk.PROBE]


def test_the_disk_of_another_machines_engine_is_seen_from_inside_the_container() -> None:
    engine = Engine("", ExecResult(0, b"100 4096\n", b""))
    with pytest.raises(Refused, match="was not stopped"):
        stop(engine)
    assert engine.stopped == []
    stop(roomy := Engine("", ExecResult(0, b"900000000 4096\n", b"")))
    assert roomy.stopped


@pytest.mark.parametrize("answer", [b"", b"x y", b"1", b"-5 4096", b"5 0", b"1 2 3"])
def test_an_answer_that_is_none_refuses_nothing(answer: bytes) -> None:
    engine = Engine("", ExecResult(0, answer, b""))
    stop(engine)
    assert engine.stopped


def test_a_kill_for_another_reason_needs_no_room(full: Engine) -> None:
    stop(full, "test")
    assert full.stopped
