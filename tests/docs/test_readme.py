"""The README says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from botbottle.cli.group import load_verb
from botbottle.cli.verbs import VERBS
from botbottle.errors import Exit

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_exit_code_table_is_the_enum() -> None:
    table = re.findall(r"^\| (\d+) \| ([A-Z]+) \|", README, re.M)
    assert [(int(code), name) for code, name in table] == [(e.value, e.name) for e in Exit]


def test_every_verb_is_listed_with_its_help() -> None:
    table = dict(re.findall(r"^\| `bb ([a-z-]+)` \| (.+) \|$", README, re.M))
    assert table == {name: text for name, (_, text) in VERBS.items()}


@pytest.mark.parametrize("name", sorted(VERBS))
def test_every_verb_exists_and_has_help(name: str) -> None:
    command = load_verb(name)
    assert command.help or getattr(command, "commands", None)


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.M))
    for name in re.findall(r"`?make ([a-z]+)", README):
        assert name in targets


def test_linked_files_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link
