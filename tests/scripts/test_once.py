"""Two test processes that want the same program do not install it at the same time."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.support.once import alone


def test_the_second_waits_and_finds_what_the_first_has_made(tmp_path: Path) -> None:
    folder, inside, found = tmp_path / "cache", threading.Event(), []

    def second() -> None:
        inside.wait(60)
        with alone(folder):
            found.append((folder / "program").exists())

    waiting = threading.Thread(target=second)
    waiting.start()
    with alone(folder):
        inside.set()
        waiting.join(0.2)
        assert waiting.is_alive() and found == []
        (folder / "program").touch()
    waiting.join(60)
    assert found == [True]


def test_a_failed_installation_holds_nobody_up(tmp_path: Path) -> None:
    for _ in range(2):
        try:
            with alone(tmp_path):
                raise OSError("no network")
        except OSError:
            continue
