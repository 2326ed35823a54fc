"""Real git reaches the world's repositories as far as discovery, which is what probes look at."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.world import World


def git(world: World, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git with no configuration but ours."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSL_CAINFO": str(world.ca_file),
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=60
    )


def test_listing_an_empty_repository_succeeds_and_is_seen(world: World, tmp_path: Path) -> None:
    done = git(world, tmp_path, "ls-remote", f"{world.tls_url}/org/repo.git")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    (seen,) = world.requests(dialect="git.refs")
    assert seen["path"] == "/org/repo.git/info/refs"
    assert "git-upload-pack" in seen["query"]


def test_a_push_arrives_and_succeeds_as_far_as_git_can_tell(world: World, tmp_path: Path) -> None:
    """The positive control for whoever must stop it."""
    git(world, tmp_path, "init", "-q", "-b", "main")
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    git(world, tmp_path, *author, "commit", "-q", "--allow-empty", "-m", "x")
    done = git(world, tmp_path, "push", f"{world.tls_url}/org/repo.git", "main")
    assert done.returncode == 0, done.stderr
    assert "main -> main" in done.stderr
    found = world.requests(host="localhost")
    assert "git-receive-pack" in found[0]["query"]
    assert found[-1]["dialect"] == "git.rpc"
    assert found[-1]["body_bytes"] > 100, "the pack itself arrived"
