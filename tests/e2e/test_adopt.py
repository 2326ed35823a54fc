"""Files of a container that bb did not make, taken over by a copy on a real engine."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.live import Live, docker


@pytest.fixture
def old(live: Live) -> Iterator[str]:
    """The name of a running container of our pattern without any label, with files in volumes."""
    name = f"bb-api-{secrets.token_hex(4)}-agent"
    volumes = (f"{name}-1", f"{name}-2")
    docker(
        "run", "-d", "--name", name, "--network", "none",
        "-v", f"{volumes[0]}:/home/agent", "-v", f"{volumes[1]}:/workspace",
        live.inspect_image("agent-claude"), "bb-idle",
    )  # fmt: skip
    script = "mkdir -p ~/d; echo mine > ~/d/own; chmod 600 ~/d/own; ln -s d/own ~/link"
    docker("exec", name, "sh", "-c", f"{script}; echo work > /workspace/notes")
    yield name
    docker("rm", "-f", name, check=False)
    docker("volume", "rm", *volumes, check=False)


def shown(name: str) -> Any:
    found = json.loads(docker("inspect", name))[0]
    mounts = sorted(found["Mounts"], key=lambda m: m["Destination"])  # the engine has no order
    return found["Id"], found["Name"], found["State"], mounts, found["NetworkSettings"]


def test_an_old_agent_s_files_are_taken_over_and_nothing_of_it_is_touched(
    live: Live, old: str
) -> None:
    live.agent("api")
    assert old in live.bb("adopt").stdout
    plan = live.bb("plan")
    assert "BB330" in plan.stdout and f"bb adopt api --from {old}" in plan.stdout
    refused = live.bb("adopt", "api", "--from", old, "--yes", code=7)
    assert "docker stop" in refused.stderr
    docker("stop", "-t", "1", old)
    before = shown(old)
    assert live.bb("adopt", "api", "--from", old, code=7).stderr.count("--approve")
    live.bb("adopt", "api", "--from", old, "--yes")
    again = live.bb("adopt", "api", "--from", old, "--yes")
    assert "Nothing to do" in again.stdout
    assert shown(old) == before
    # Others may work on this engine and have look-alikes of their own.
    assert old not in live.bb("plan").stdout, "what was taken over is not reported any more"
    live.apply()
    look = "cat ~/link /workspace/notes; stat -c '%a %u:%g' ~/d/own"
    assert live.shell(look, "api").stdout.split() == ["mine", "work", "600", "1000:1000"]
    assert shown(old) == before
    second = live.bb("adopt", "web", "--from", old, code=7)
    assert "has an agent already" in second.stderr


def test_what_is_not_there_or_not_declared_is_a_usage_error(live: Live, old: str) -> None:
    live.bb("adopt", "web", "--from", "no-such-container", code=64)
    live.bb("adopt", "web", code=64)
    live.bb("adopt", "nobody", "--from", old, code=64)
