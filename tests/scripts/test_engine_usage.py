"""scripts/engine without an engine: its messages and what it refuses."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "engine"
NO_NUMBER = ("run", "--engines", "two", "--", "true")


def engine(tmp_path: Path, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {
        "PATH": "/usr/bin:/bin",
        "BB_ENGINE_HOME": str(tmp_path / "e"),
        "BB_INSTALL_ENGINE": "0",
    }
    return subprocess.run(
        [str(SCRIPT), *argv],
        env=clean | env,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    "argv", [(), ("strat",), ("run",), ("run", "--"), ("start", "--name"), NO_NUMBER]
)
def test_a_wrong_call_shows_the_usage(tmp_path: Path, argv: tuple[str, ...]) -> None:
    done = engine(tmp_path, *argv)
    assert done.returncode == 64
    assert "scripts/engine run" in done.stderr


@pytest.mark.parametrize("name", ["../x", "a b", "A", "x/../../y"])
def test_a_name_cannot_leave_the_home(tmp_path: Path, name: str) -> None:
    done = engine(tmp_path, "start", "--name", name)
    assert done.returncode == 1
    assert "an engine name has only" in done.stderr
    assert not (tmp_path / "e").exists()


def test_env_of_an_engine_that_does_not_run_says_how_to_start_it(tmp_path: Path) -> None:
    done = engine(tmp_path, "env", "--name", "nope")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "scripts/engine start --name nope" in done.stderr


def test_a_docker_host_that_does_not_answer_is_an_error_not_a_reason_for_another_engine(
    tmp_path: Path,
) -> None:
    done = engine(tmp_path, "run", "--", "true", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "unset DOCKER_HOST" in done.stderr
    assert not (tmp_path / "e").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="needs two users")
def test_a_home_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir()
    os.chown(tmp_path / "e", 12345, 12345)
    done = engine(tmp_path, "start")
    assert done.returncode == 1
    assert "is not ours" in done.stderr
