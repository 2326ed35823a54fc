"""Every option of every verb stands in a document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botbottle.cli.group import load_verb
from botbottle.cli.verbs import VERBS

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *ROOT.glob("docs/*.md"))
TEXT = "".join(page.read_text("utf-8") for page in PAGES)
ANY = {"--help", "--json", "--version"}  # of all verbs, or in the README's table as a verb


def options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from (o for o in parameter.opts if o.startswith("--"))
    for inner in getattr(command, "commands", {}).values():
        yield from options(inner)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_option_is_documented(verb: str) -> None:
    told = set(re.findall(r"--[a-z]+(?:-[a-z]+)*", TEXT))
    assert set(options(load_verb(verb))) - told - ANY == set()


def test_options_of_inner_commands_are_looked_at() -> None:
    assert {"--window", "--reason"} <= set(options(load_verb("budget")))
