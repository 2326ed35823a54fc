"""Completion: verbs, names, values and options, and the scripts of the shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from botbottle.cli.complete import _AGENTS, _INNER, SCRIPTS, candidates
from botbottle.cli.group import load_verb
from botbottle.cli.verbs import VERBS
from tests.cli_manifests.run import bb


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["va"], ["validate"]),
        (["info", ""], ["api", "web"]),
        (["info", "w"], ["web"]),
        (["-C", "/", "info", "a"], ["api"]),
        (["edit", "bottles/t"], ["bottles/top"]),
        (["validate", "--format", "s"], ["sarif"]),
        (["plan", "--format", ""], ["json", "markdown", "text"]),
        (["apply", "--yes", "--allow", "w"], ["widen"]),
        (["plan", "--deny", ""], ["widens"]),
        (["version", ""], []),
        (["plan", "--only", "w"], ["web"]),
        (["apply", ""], []),  # a file: the shell's business
        (["budget", "s"], ["set", "show"]),
        (["routes", "suggest", "w"], ["web"]),
        (["resume-watch", "w"], ["web"]),
        (["usage", "--format", "o"], ["otel"]),
        (["plan", "--d"], ["--deny", "--detailed-exitcode", "--diff"]),
        (["apply", "--no"], ["--no-wait"]),
        (["budget", "set", "--"], ["--help", "--reason"]),
        (["--pro"], ["--progress"]),
        (["--he"], ["--help"]),
        (["nonsense", "--"], []),
        (["attach", "web", "--", "--"], []),
        (["plan", "--bottle", "t"], ["top"]),
        (["cutoff", "--reason", "why", "w"], ["web"]),
    ],
)
def test_completion_of_verbs_names_and_values(
    home: Path, words: list[str], expected: list[str]
) -> None:
    assert candidates(words, {"BB_HOME": str(home)}, home) == expected


def test_completion_knows_every_inner_verb_and_names_only_verbs_that_exist() -> None:
    groups = {v: load_verb(v).commands for v in VERBS if hasattr(load_verb(v), "commands")}
    assert {v: sorted(inner) for v, inner in groups.items()} == {
        v: sorted(inner) for v, inner in _INNER.items()
    }
    assert VERBS.keys() >= _AGENTS


def test_completion_is_fast_and_light(home: Path) -> None:
    for number in range(1000):
        (home / f"agents/agent-{number}.md").write_text("not read")
    code = (
        "import sys; sys.argv = ['bb', '__complete', '--home', sys.argv[1], 'info', 'agent-99'];"
        "from botbottle.__main__ import main; main();"
        "bad = {'pydantic', 'docker', 'ruamel.yaml', 'typer', 'rich'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2], timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.split()) == 11
    best = min(cpu_of_completion(home) for _ in range(3))
    assert best < 0.25  # 0.12 on a quiet machine; see benchmarks/manifests


def cpu_of_completion(home: Path) -> float:
    before = os.times()
    bb("__complete", "--home", str(home), "info", "agent-99")
    after = os.times()
    return (
        after.children_user
        + after.children_system
        - before.children_user
        - (before.children_system)
    )


@pytest.mark.parametrize("shell", SCRIPTS)
def test_completion_scripts_ask_bb(shell: str, tmp_path: Path) -> None:
    ran = bb("completion", shell, cwd=tmp_path)
    assert ran.code == 0
    assert "bb __complete" in ran.out
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=ran.out, text=True, check=True)
    assert bb("completion", "tcsh", cwd=tmp_path).code == 64


# Each prints what the shell would offer behind ``bb WORDS``; in the last, files are the shell's.
ASKED = {
    "bash": """source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bb_complete
[ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f "${!#}"))
printf '%s\\n' ${COMPREPLY[@]}""",
    "zsh": """compdef() {}; compadd() { print -rl -- ${(P)2} }; _files() { print -l ${words[-1]}* }
source "$1"; shift; words=("$@"); CURRENT=$#; _bb_complete""",
    "fish": """source $argv[1]
complete -C (string join ' ' $argv[2..]) | string replace -r '\\t.*' ''""",
}


@pytest.mark.parametrize("shell", SCRIPTS)
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["va"], ["validate"]),
        (["info", ""], ["api", "web"]),
        (["info", "w"], ["web"]),
        (["apply", "saved-p"], ["saved-plan"]),
    ],
)
def test_a_shell_offers_what_bb_answers_and_else_files(
    shell: str, words: list[str], offered: list[str], home: Path, tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(SCRIPTS[shell])
    (tmp_path / "saved-plan").write_text("")
    (tmp_path / "bb").write_text(f'#!/bin/sh\nexec {sys.executable} -m botbottle "$@"\n')
    (tmp_path / "bb").chmod(0o755)
    options = {"bash": ["--norc", "-c"], "zsh": ["-f", "-c"], "fish": ["--no-config", "-c"]}[shell]
    last = ["bash"] if shell != "fish" else []
    ran = subprocess.run(
        [shell, *options, ASKED[shell], *last, str(script), "bb", *words],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "BB_HOME": str(home), "HOME": str(tmp_path),
             "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert ran.stdout.split() == offered, ran.stderr
