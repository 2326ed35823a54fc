"""`bb scan` as a process in a repository: what is staged, in every format, with approvals."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.dlp.conftest import github

ENVIRON = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "BB_"))}


def _run(where: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=where, capture_output=True, text=True, check=False, timeout=300, env=ENVIRON
    )


def _bb(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(where, sys.executable, "-m", "botbottle", "scan", *arguments)


@pytest.fixture
def repository(tmp_path: Path, rng: random.Random) -> tuple[Path, str]:
    """A repository with a token on line 3 of a staged file whose name needs quoting."""
    value = github(rng)
    _run(tmp_path, "git", "init", "-q")
    (tmp_path / "my file.py").write_text(f"one = 1\n\nkey = '{value}'\n")
    _run(tmp_path, "git", "add", "-A")
    return tmp_path, value


def _fingerprint(where: Path, *more: str) -> dict[str, Any]:
    done = _bb(where, "--diff", "--format", "json", *more)
    assert done.returncode == 1, done.stderr
    (row,) = json.loads(done.stdout)["findings"]
    return dict(row)


def test_a_staged_token_stops_the_commit_and_is_never_printed(
    repository: tuple[Path, str],
) -> None:
    where, value = repository
    done = _bb(where, "--diff")
    assert done.returncode == 1
    assert done.stdout.startswith("my file.py:3:8: token github.token (40 bytes, ")
    assert value not in done.stdout + done.stderr


def test_sarif_has_what_code_scanning_requires(repository: tuple[Path, str]) -> None:
    where, value = repository
    done = _bb(where, "--diff", "--format", "sarif")
    document = json.loads(done.stdout)
    assert (done.returncode, document["version"]) == (1, "2.1.0")
    (run,) = document["runs"]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "my%20file.py"
    assert place["region"] == {"startLine": 3, "startColumn": 8}
    assert result["level"] == "error"
    assert value not in done.stdout


def test_an_approval_needs_a_reason_and_ends(repository: tuple[Path, str]) -> None:
    where, _ = repository
    mark = _fingerprint(where, "--allow", "allow.json")["fingerprint"]
    document = json.loads((where / "allow.json").read_text())
    today = datetime.now(UTC).date()

    def with_entry(**entry: str) -> int:
        document["allow"] = [{"fingerprint": mark, **entry}]
        (where / "allow.json").write_text(json.dumps(document))
        return _bb(where, "--diff", "--allow", "allow.json").returncode

    assert with_entry(reason="fixture") == 0
    assert with_entry(reason="fixture", expires=str(today + timedelta(days=2))) == 0
    assert with_entry(reason="fixture", rule="npm.token") == 1
    assert with_entry(reason="fixture", expires=str(today - timedelta(days=2))) == 1
    assert with_entry(reason=" ") == 64
    assert with_entry() == 64


def test_one_line_of_json_for_each_line_of_input(tmp_path: Path, rng: random.Random) -> None:
    rows = [{"text": "clean"}, {"text": f"x {github(rng)}"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = _bb(tmp_path, "--format", "jsonl", "--each-line", "rows.jsonl")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["line"], len(row["findings"])) for row in found] == [(1, 0), (2, 1)]
    assert found[1]["findings"][0] == {
        "rule": "github.token", "location": "body", "offset": 2, "length": 40, "verdict": "token",
    }  # fmt: skip


def test_the_hook_for_pre_commit_scans_what_is_staged() -> None:
    hooks = (Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text()
    entry = hooks[hooks.index("id: bb-scan") :]
    assert "entry: bb scan --diff" in entry
    assert "pass_filenames: false" in entry
