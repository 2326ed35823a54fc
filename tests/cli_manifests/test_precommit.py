"""The hook as pre-commit itself runs it: installed from a repository, on a commit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.load.homes import BASE, write

ROOT = Path(__file__).parents[2]
SHIPPED = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml")


def git(where: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *args],
        cwd=where, capture_output=True, text=True, check=False, timeout=300, env=ENVIRON,
    )  # fmt: skip


ENVIRON = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "BB_", "PRE_COMMIT"))}


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, str]:
    """botbottle as a repository of its own, and its revision."""
    repo = tmp_path / "botbottle"
    repo.mkdir()
    for name in SHIPPED:
        shutil.copy2(ROOT / name, repo / name)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "botbottle", repo / "botbottle", ignore=ignored)
    git(repo, "init", "-q")
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "all")
    return repo, git(repo, "rev-parse", "HEAD").stdout.strip()


def test_a_commit_with_a_broken_manifest_is_stopped_and_a_repaired_one_passes(
    tmp_path: Path, published: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, revision = published
    write(tmp_path / "bbhome", {"bottles/base": BASE})
    project = tmp_path / "project"
    write(project / ".bot-bottle", {"agents/web": "bottle: bose"})
    (project / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {source}\n  rev: {revision}\n  hooks: [{{id: bb-validate}}]\n"
    )
    monkeypatch.setitem(ENVIRON, "BB_HOME", str(tmp_path / "bbhome"))
    monkeypatch.setitem(ENVIRON, "PRE_COMMIT_HOME", str(tmp_path / "cache"))
    git(project, "init", "-q")
    git(project, "add", "-A")
    hook = subprocess.run(
        [sys.executable, "-m", "pre_commit", "install"],
        cwd=project, capture_output=True, text=True, check=False, timeout=60, env=ENVIRON,
    )  # fmt: skip
    assert hook.returncode == 0, hook.stdout + hook.stderr

    stopped = git(project, "commit", "-m", "broken")
    said = stopped.stdout + stopped.stderr
    assert stopped.returncode != 0
    assert "BB2210: there is no bottle 'bose' at home" in said, said
    assert ".bot-bottle/agents/web.md:2:9" in said

    write(project / ".bot-bottle", {"agents/web": "bottle: base"})
    git(project, "add", "-A")
    passed = git(project, "commit", "-m", "repaired")
    assert passed.returncode == 0, passed.stdout + passed.stderr
    assert "Passed" in passed.stderr + passed.stdout
    assert git(project, "log", "--oneline").stdout.count("\n") == 1
