"""scripts/postgres: a server for one command, on a socket only, and nothing left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = str(Path(__file__).resolve().parents[2] / "scripts" / "postgres")
ENV = {k: v for k, v in os.environ.items() if k != "BB_TEST_POSTGRES"}


def run(*argv: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *argv], env=env or ENV, capture_output=True, text=True, timeout=120, check=False
    )


def directory(url: str) -> Path:
    return Path(url.strip().split("host=")[1])


@pytest.mark.parametrize("argv", [(), ("run",), ("run", "--"), ("run", "true"), ("stop",)])
def test_a_wrong_call_shows_the_usage(argv: tuple[str, ...]) -> None:
    done = run(*argv)
    assert done.returncode == 64
    assert "scripts/postgres run" in done.stderr


def test_stop_removes_no_directory_that_is_not_a_servers(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("")
    assert run("stop", str(tmp_path)).returncode == 64
    assert (tmp_path / "precious").exists()


def test_a_server_that_is_named_already_is_used() -> None:
    done = run(
        "run", "--", "sh", "-c", "echo $BB_TEST_POSTGRES", env=ENV | {"BB_TEST_POSTGRES": "x"}
    )
    assert (done.stdout, done.stderr) == ("x\n", "")


@pytest.mark.postgres
def test_the_command_gets_a_server_of_its_own_and_its_exit_code_comes_back() -> None:
    query = 'import os, psycopg; c = psycopg.connect(os.environ["BB_TEST_POSTGRES"]); '
    query += 'print(c.execute("show listen_addresses").fetchone()[0] or "none")'
    script = f"echo $BB_TEST_POSTGRES; python - <<'E'\n{query}\nE\nexit 3"
    done = run("run", "--", "sh", "-c", script, env=ENV | {"PATH": venv_path()})
    url, listens = done.stdout.splitlines()
    assert (done.returncode, listens) == (3, "none")
    assert not directory(url).exists()


@pytest.mark.postgres
def test_two_servers_at_once_do_not_meet() -> None:
    script = "echo $BB_TEST_POSTGRES; read line"
    running = [
        subprocess.Popen(
            [SCRIPT, "run", "--", "sh", "-c", script],
            env=ENV,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(2)
    ]
    urls = {process.stdout.readline() for process in running if process.stdout}
    for process in running:
        process.communicate("\n", timeout=60)
    assert len(urls) == 2
    assert not [url for url in urls if directory(url).exists()]


@pytest.mark.postgres
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_run_leaves_no_server(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [SCRIPT, "run", "--", "sh", "-c", "echo $BB_TEST_POSTGRES; exec sleep 600"],
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    where = directory(process.stdout.readline())
    assert where.is_dir()
    os.killpg(process.pid, number)
    process.wait(30)
    end = time.monotonic() + 20
    while where.exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert not where.exists()


def venv_path() -> str:
    return f"{Path(__file__).resolve().parents[2]}/.venv/bin:{os.environ['PATH']}"
