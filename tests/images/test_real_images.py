"""The images as they come out of a real engine."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from pathlib import Path

import pytest

from botbottle.engine.docker import DockerEngine, connect
from botbottle.errors import ImageBuildFailed
from botbottle.images import ensure, image_tag, recipe

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

HARDENED = [
    *("--rm", "--init", "--network=none", "--read-only", "--tmpfs=/tmp"),
    *("--user=1000:1000", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
]


@pytest.fixture(scope="module")
def engine() -> DockerEngine:
    return connect()


def docker(*argv: str) -> subprocess.CompletedProcess[bytes]:
    """The command line of the same engine, to look at what was built."""
    return subprocess.run(["docker", *argv], capture_output=True, timeout=120, check=False)


def run(name: str, *argv: str) -> str:
    """Output of a program in a container as hardened as a bottle's."""
    done = docker("run", *HARDENED, image_tag(name), *argv)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def test_the_agent_has_its_tools_and_no_rights(engine: DockerEngine) -> None:
    ensure(engine, "agent-base")
    tools = "for t in sh git curl rg ps node; do command -v $t || echo missing $t; done"
    assert "missing" not in run("agent-base", "sh", "-c", tools)
    assert run("agent-base", "sh", "-c", "id -un; pwd").split() == ["agent", "/workspace"]


def test_no_program_of_the_agent_image_is_setuid(engine: DockerEngine) -> None:
    ensure(engine, "agent-base")
    as_root = ["run", "--rm", "--network=none", "--user=0", image_tag("agent-base")]
    control = "cp /bin/true /tmp/t && chmod 4755 /tmp/t && find / -xdev -perm /6000 -type f"
    done = docker(*as_root, "sh", "-c", control)
    assert done.stdout.split() == [b"/tmp/t"]


def test_nothing_of_the_hosts_network_set_up_is_in_the_base(engine: DockerEngine) -> None:
    ensure(engine, "agent-base")
    done = docker("create", image_tag("agent-base"))
    container = done.stdout.decode().strip()
    try:
        out = docker("cp", f"{container}:/etc/resolv.conf", "-")
        assert b"nameserver" not in out.stdout
    finally:
        docker("rm", "-f", container)


def test_the_agent_idles_until_it_is_stopped_at_once(engine: DockerEngine) -> None:
    ensure(engine, "agent-base")
    done = docker("run", "-d", "--init", "--network=none", image_tag("agent-base"))
    container = done.stdout.decode().strip()
    try:
        state = docker("inspect", "--format", "{{.State.Status}}", container)
        assert state.stdout.strip() == b"running"
        docker("stop", "--time=5", container)
        code = docker("inspect", "--format", "{{.State.ExitCode}}", container)
        assert code.stdout.strip() == b"143"  # TERM was enough; KILL would be 137
    finally:
        docker("rm", "-f", container)


def test_the_sidecar_starts_what_it_needs_from_compiled_code(engine: DockerEngine) -> None:
    ensure(engine, "sidecar")
    code = (
        "import sys, mitmproxy.http, re2, hyperscan, zstandard, brotli, botbottle.errors as e;"
        "print(sys.version_info[:2], e.__cached__)"
    )
    out = run("sidecar", "python3", "-c", code)
    assert out.startswith("(3, 13) /opt/bb/botbottle/__pycache__/errors.")
    compiled = "test -f /opt/site/mitmproxy/__pycache__/http.cpython-313.pyc"
    run("sidecar", "sh", "-c", compiled)


def test_no_host_side_code_is_in_the_sidecar(engine: DockerEngine) -> None:
    ensure(engine, "sidecar")
    listed = run("sidecar", "ls", "/opt/bb/botbottle").split()
    assert "sidecar" in listed
    assert not {"cli", "engine", "planner", "watch"} & set(listed)


def test_a_second_ensure_builds_nothing(engine: DockerEngine) -> None:
    first = ensure(engine, "agent-base")
    lines: list[str] = []
    assert ensure(engine, "agent-base", lines.append) == first
    assert lines == []


def test_our_images_are_labelled_and_tagged_by_content(engine: DockerEngine) -> None:
    ensure(engine, "sidecar")
    done = docker("image", "inspect", image_tag("sidecar"))
    config = json.loads(done.stdout)[0]["Config"]
    assert config["Labels"]["dev.botbottle.kind"] == "image"
    assert config["User"] == "1000:1000"


def test_a_module_that_cannot_be_imported_fails_the_build_with_its_traceback(
    engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure(engine, "sidecar-deps")
    broken = recipe.package_files() | {"botbottle/sidecar/broken.py": b"import no_such_module\n"}
    with monkeypatch.context() as patched:
        patched.setattr(recipe, "package_files", functools.cache(lambda: broken))
        recipe.forget()
        with pytest.raises(ImageBuildFailed, match="no_such_module"):
            ensure(engine, "sidecar")
        assert engine.image_id(image_tag("sidecar")) is None
    recipe.forget()


@pytest.mark.skipif(
    os.environ.get("BB_TEST_CLIS") != "1", reason="fetches 170 MB a command: set BB_TEST_CLIS=1"
)
@pytest.mark.parametrize(("name", "says"), [("claude", "Claude Code"), ("codex", "codex-cli")])
def test_a_providers_command_runs_in_its_image(engine: DockerEngine, name: str, says: str) -> None:
    ensure(engine, f"agent-{name}")
    home = "--tmpfs=/home/agent:uid=1000,exec"
    done = docker("run", *HARDENED, home, image_tag(f"agent-{name}"), name, "--version")
    assert says in done.stdout.decode(), done.stderr.decode()


def test_a_users_dockerfile_builds_on_our_agent_image(tmp_path: Path, engine: DockerEngine) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\necho it works\n")
    (tmp_path / "tool").chmod(0o755)
    lines = "ARG BB_BASE\nFROM ${BB_BASE}\nCOPY tool /usr/local/bin/tool\n"
    (tmp_path / "Dockerfile").write_text(lines)
    name = f"dockerfile:{tmp_path}/Dockerfile"
    ensure(engine, name)
    assert run(name, "tool") == "it works\n"
