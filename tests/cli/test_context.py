"""Hints: the command line as it was typed, with what it lacks."""

from __future__ import annotations

import pytest

from tests.cli.fakes import context

LINES = [
    (("apply",), ("--yes",), "bb apply --yes"),
    (("-C", "/h 1", "apply", "-y"), ("--yes", "--allow", "x"), "bb -C '/h 1' apply -y --allow x"),
    (("apply", "--", "plan.json"), ("--yes",), "bb apply --yes -- plan.json"),
    ((), ("--yes",), "bb destroy --yes"),
]


@pytest.mark.parametrize(("words", "flags", "line"), LINES)
def test_a_hint_is_a_command_that_works(
    words: tuple[str, ...], flags: tuple[str, ...], line: str
) -> None:
    made = context()
    made.words = words
    assert made.again("destroy", *flags) == line


def test_bbs_own_options_stand_before_the_verb() -> None:
    made = context()
    made.words = ("--home", "x", "-C", "y", "cutoff", "web")
    assert made.before("cutoff") == ("--home", "x", "-C", "y")
    assert made.before("kill") == ()
