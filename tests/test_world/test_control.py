"""A world in a process of its own, steered over its control port, socket and command line."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.world.client import RemoteWorld, SpawnedWorld

ROOT = Path(__file__).resolve().parents[2]
BODY: dict[str, Any] = {"model": "claude-opus-5-5", "messages": []}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the spawned world keeps its authority and its socket."""
    return tmp_path_factory.mktemp("spawned")


@pytest.fixture(scope="module")
def _spawned(folder: Path) -> Iterator[SpawnedWorld]:
    arguments = ("--ca-dir", str(folder), "--control-socket", str(folder / "ctl"))
    with SpawnedWorld(*arguments, max_seconds=120) as world:
        yield world


@pytest.fixture
def spawned(_spawned: SpawnedWorld) -> SpawnedWorld:
    """The spawned world, forgotten."""
    _spawned.reset()
    return _spawned


def post(world: SpawnedWorld, folder: Path, **more: Any) -> httpx.Response:
    """A message over TLS."""
    trust = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    url = f"https://localhost:{world.ready['tls_port']}/v1/messages"
    with httpx.Client(verify=trust, http2=True) as client:
        return client.post(url, json=BODY | more)


def test_it_says_in_one_line_that_it_is_ready(spawned: SpawnedWorld, folder: Path) -> None:
    assert spawned.ready["ready"] is True
    assert spawned.ready["ca"] == str(folder / "ca.pem")
    assert all(spawned.ready[name] > 0 for name in ("tls_port", "http_port", "control_port"))
    assert spawned.ca_pem() == (folder / "ca.pem").read_text()


def test_scripts_go_in_and_the_truth_comes_out(spawned: SpawnedWorld, folder: Path) -> None:
    spawned.script(path="/v1/messages", times=1, output=77, text="scripted")
    spawned.default(output=11)
    first, second = post(spawned, folder).json(), post(spawned, folder).json()
    assert first["content"][-1]["text"] == "scripted"
    assert [body["usage"]["output_tokens"] for body in (first, second)] == [77, 11]
    assert [r["billed"]["output"] for r in spawned.requests(host="localhost")] == [77, 11]
    assert spawned.totals()["providers"]["claude"]["reported"]["output"] == 88
    spawned.plain()
    spawned.reset()
    assert spawned.truth()["requests"] == []


def test_the_unix_socket_speaks_the_same(spawned: SpawnedWorld, folder: Path) -> None:
    other = RemoteWorld(str(folder / "ctl"))
    other.script(output=5)
    assert post(spawned, folder).json()["usage"]["output_tokens"] == 5
    assert len(other.requests()) == 1


def test_nonsense_is_refused_in_words(spawned: SpawnedWorld) -> None:
    with pytest.raises(RuntimeError, match="unknown script keys"):
        spawned.script(outptu=5)
    with pytest.raises(RuntimeError, match="unknown faults"):
        spawned.fail_certificates({"x": "ugly"})
    with pytest.raises(RuntimeError, match="404"):
        spawned.call("GET", "/nothing")


def ctl(world: SpawnedWorld, *arguments: str) -> Any:
    """Run the command line's ``ctl``."""
    at = f"http://127.0.0.1:{world.ready['control_port']}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.world", "ctl", "--at", at, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_command_line_steers_it_too(spawned: SpawnedWorld, folder: Path) -> None:
    ctl(spawned, "rules", json.dumps({"path": "/v1/*", "script": {"output": 9}}))
    assert post(spawned, folder).json()["usage"]["output_tokens"] == 9
    assert ctl(spawned, "totals")["billed"]["output"] == 9
    assert ctl(spawned, "truth")["requests"][0]["path"] == "/v1/messages"


def test_rules_can_be_given_at_the_start_and_time_runs_out(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps([{"script": {"status": 418}}]))
    with SpawnedWorld("--rules", str(rules), max_seconds=2) as world:
        began = time.monotonic()
        url = f"http://127.0.0.1:{world.ready['http_port']}/echo"
        assert httpx.get(url).status_code == 418
        assert world._process.wait(20) == 0
        assert time.monotonic() - began < 15


def test_it_needs_nothing_but_its_own_directory(tmp_path: Path) -> None:
    """As when it is copied into the sidecar image: another root, no product, no test tools."""
    target = tmp_path / "opt" / "tests" / "world"
    target.parent.mkdir(parents=True)
    (target.parent / "__init__.py").touch()
    subprocess.run(["cp", "-r", str(ROOT / "tests" / "world"), str(target)], check=True)
    probe = (
        "import sys, tests.world.__main__ as m; assert m.__file__.startswith(sys.argv[1]), m;"
        "print([n for n in sys.modules if n.split('.')[0] in ('botbottle', 'httpx', 'pytest',"
        " 'aiohttp', 'pydantic')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, str(tmp_path)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "opt")},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]", done.stderr
