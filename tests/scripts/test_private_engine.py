"""Private engines: their own network namespace, several at once, nothing left, nobody disturbed.

Each test has a home of its own below /var/tmp: a unix socket's path must stay short.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = str(ROOT / "scripts" / "engine")

pytestmark = [
    pytest.mark.engine,
    pytest.mark.skipif(os.getuid() != 0, reason="a private engine needs root"),
]


@pytest.fixture
def home() -> Iterator[Path]:
    where = Path(tempfile.mkdtemp(prefix="bbt-", dir="/var/tmp"))
    yield where
    for name in {p.name.split(".")[0] for p in where.iterdir()}:
        call(where, "stop", "--name", name)
    shutil.rmtree(where)


def environment(home: Path) -> dict[str, str]:
    ours = ("DOCKER_HOST", "BB_ENGINE_NETNS", "BB_ENGINES")
    keep = {k: v for k, v in os.environ.items() if k not in ours}
    return keep | {"BB_ENGINE_HOME": str(home), "BB_PRIVATE_ENGINE": "1"}


def call(home: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *argv], env=environment(home), capture_output=True, text=True, check=False
    )


RESET = ("env", "--default-signal=INT,HUP,QUIT,TERM")  # started by nohup or in the background


def popen(home: Path, *argv: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*RESET, SCRIPT, "run", *argv],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def processes(home: Path) -> list[tuple[int, str]]:
    """Process id and command line of the daemons and shims that belong to this home."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{home}/" in line and ("dockerd" in line or "containerd" in line):
            found.append((int(entry.parent.name), line))
    return found


def traces(home: Path) -> list[str]:
    """Everything a stopped engine must not leave: processes, mounts, sockets, namespaces."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if f"{home}/" in line]
    sockets = [str(p) for p in home.glob("*/*.sock")]
    return [line for _, line in processes(home)] + mounts + sockets + namespaces(home)


def namespaces(home: Path) -> list[str]:
    """Those of this home's engines; other people's come and go meanwhile."""
    names = {p.name.split(".")[0] for p in home.iterdir()}
    digests = (hashlib.sha256(f"{home}/{name}".encode()).hexdigest() for name in names)
    return [name for d in digests if Path("/run/netns", name := f"bb-{d[:10]}").exists()]


def eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def test_run_gives_an_engine_passes_the_exit_code_on_and_leaves_nothing(home: Path) -> None:
    script = "docker version --format '{{.Server.Os}}'; exit 7"
    done = call(home, "run", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout.strip()) == (7, "linux")
    assert traces(home) == []


def test_one_command_gets_several_engines_and_images_are_copied_between_them(home: Path) -> None:
    script = (
        "echo $BB_ENGINES; set -- $BB_ENGINES; export DOCKER_HOST=$1; "
        "tar -C / -c bin/true | docker import - here:1; docker network create only-here; "
        f"{sys.executable} -c 'import sys; from scripts.images import copy; copy(*sys.argv[1:])'"
        " $1 $2 here:1 && export DOCKER_HOST=$2; docker image inspect -f '{{.Id}}' here:1; "
        "docker network ls -q --filter name=only-here; exit 7"
    )
    done = call(home, "run", "--engines", "2", "--", "sh", "-c", script)
    assert done.returncode == 7, done.stderr
    engines, image, _, copied = done.stdout.splitlines()
    assert len(set(engines.split())) == 2 and image == copied
    assert traces(home) == []


def test_the_engine_is_not_in_the_hosts_network_namespace(home: Path) -> None:
    script = "ls -i $BB_ENGINE_NETNS | cut -d' ' -f1; nsenter --net=$BB_ENGINE_NETNS ip -o link"
    done = call(home, "run", "--", "sh", "-c", script)
    inside, *links = done.stdout.splitlines()
    assert f"net:[{inside}]" != Path("/proc/self/ns/net").readlink().as_posix()
    assert any("docker0" in link for link in links)
    assert not any("eth0" in link for link in links)


def test_two_runs_at_once_get_two_engines(home: Path) -> None:
    script = "echo $DOCKER_HOST; read line"
    first = popen(home, "--", "sh", "-c", script + " < /proc/$PPID/fd/0; sleep 600")
    second = popen(home, "--", "sh", "-c", script + " < /proc/$PPID/fd/0; sleep 600")
    try:
        assert first.stdout
        assert second.stdout
        hosts = {first.stdout.readline(), second.stdout.readline()}
        assert len(hosts) == 2
        assert all(str(home) in host for host in hosts)
    finally:
        for process in (first, second):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(120)
    assert eventually(lambda: traces(home) == [])


@pytest.mark.parametrize(
    ("number", "engines"),
    [(signal.SIGINT, 1), (signal.SIGTERM, 2), (signal.SIGHUP, 1), (signal.SIGKILL, 2)],
)
def test_however_the_run_ends_its_engines_end_too(
    home: Path, number: signal.Signals, engines: int
) -> None:
    process = popen(home, "--engines", str(engines), "--", "sh", "-c", "echo up; exec sleep 600")
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    assert len(processes(home)) >= 2 * engines
    assert len(namespaces(home)) == engines
    os.killpg(process.pid, number)
    process.wait(120)
    assert eventually(lambda: traces(home) == []), traces(home)


def test_a_daemon_that_was_killed_is_replaced_by_a_working_one(home: Path) -> None:
    call(home, "start", "--name", "x")
    pid = next(pid for pid, line in processes(home) if line.startswith("dockerd"))
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not Path(f"/proc/{pid}").exists())
    done = call(home, "start", "--name", "x")
    assert done.returncode == 0, done.stderr
    assert "DOCKER_HOST" in call(home, "env", "--name", "x").stdout
    call(home, "stop", "--name", "x")
    assert traces(home) == []


def test_containers_do_not_outlive_an_engine_that_was_killed_whole(home: Path) -> None:
    """Engine, containerd and shims all gone at once, as at the end of a CI job."""
    call(home, "start", "--name", "x")
    exports = call(home, "env", "--name", "x").stdout
    image = "tar -C / -ch bin/sleep lib64 lib/x86_64-linux-gnu/libc.so.6 | docker import - k:1"
    container = shell(f"{exports}\n{image} >/dev/null; docker run -d --init k:1 /bin/sleep 1000")
    inspect = f"docker inspect --format '{{{{.State.Pid}}}}' {container}"
    contained = int(shell(f"{exports}\n{inspect}"))
    for line in processes(home):
        os.kill(line[0], signal.SIGKILL)
    assert eventually(lambda: processes(home) == [])
    assert Path(f"/proc/{contained}").exists()  # the reason for this test
    call(home, "stop", "--name", "x")
    assert eventually(lambda: not Path(f"/proc/{contained}").exists())
    assert traces(home) == []


def test_nobody_elses_process_is_signalled(home: Path) -> None:
    """Neither one whose number an old pid file holds, nor one that merely names our files."""
    (home / "x").mkdir()
    (home / "x" / "daemon.json").write_text("{}")
    reader = ["tail", "-f", f"{home}/x/daemon.json"]
    bystanders = [subprocess.Popen(["sleep", "60"]), subprocess.Popen(reader)]
    try:
        (home / "x" / "docker.pid").write_text(str(bystanders[0].pid))
        assert call(home, "stop", "--name", "x").returncode == 0
        assert [process.poll() for process in bystanders] == [None, None]
    finally:
        for process in bystanders:
            process.kill()
            process.wait()


def test_images_are_kept_for_the_next_run_and_containers_are_not(home: Path) -> None:
    make = (
        "tar -C / -c bin/true | docker import - kept:1 >/dev/null && "
        "docker create --name left kept:1 /bin/true >/dev/null && docker volume create vol"
    )
    assert call(home, "run", "--", "sh", "-c", make).returncode == 0
    look = "docker images -q kept:1 | wc -l; docker ps -aq | wc -l; docker volume ls -q | wc -l"
    done = call(home, "run", "--", "sh", "-c", look)
    assert done.stdout.split() == ["1", "0", "0"], done.stderr


def test_a_spoiled_image_cache_is_given_up_not_the_run(home: Path) -> None:
    assert call(home, "run", "--", "true").returncode == 0
    for database in (home / "pool-0" / "data").rglob("*.db"):
        database.write_bytes(b"\xff" * 4096)
    done = call(home, "run", "--", "docker", "version", "--format", "{{.Server.Os}}")
    assert (done.returncode, done.stdout) == (0, "linux\n"), done.stderr
    assert "empty image cache" in done.stderr
    assert traces(home) == []


def test_somebody_elses_engine_is_not_touched(home: Path) -> None:
    other = home.parent / f"{home.name}o"
    other.mkdir()
    try:
        exports = call(other, "start", "--name", "theirs").stdout
        rules = f"{exports}\nnsenter --net=$BB_ENGINE_NETNS iptables-save | grep -v '^[#:]'"
        state = f"{exports}\ndocker network ls -q; cat {other}/theirs/docker.pid"
        before = [shell(rules), shell(state)]
        assert call(home, "run", "--", "docker", "network", "create", "n").returncode == 0
        assert [shell(rules), shell(state)] == before
        assert "DOCKER-ISOLATION" in before[0] or "DOCKER-FORWARD" in before[0]
    finally:
        call(other, "stop", "--name", "theirs")
        shutil.rmtree(other)


def test_an_engine_that_answers_is_used_and_no_other_is_started(home: Path) -> None:
    exports = call(home, "start", "--name", "users").stdout
    host = exports.split("DOCKER_HOST=")[1].splitlines()[0]
    env = environment(home) | {"DOCKER_HOST": host}
    del env["BB_PRIVATE_ENGINE"]
    argv = [SCRIPT, "run", "--engines", "2", "--", "sh", "-c", "echo $DOCKER_HOST$BB_ENGINES"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == host
    assert "answers already" in done.stderr
    assert not (home / "pool-0").exists()
    assert "DOCKER_HOST" in call(home, "env", "--name", "users").stdout


def shell(script: str) -> str:
    return subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
