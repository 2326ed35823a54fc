"""The end of a verb's help: every verb has command lines to begin with, and all are understood."""

from __future__ import annotations

import re
import shlex

import pytest

from botbottle.cli.examples import EXAMPLES, EXIT_CODES, epilog
from botbottle.cli.verbs import VERBS
from botbottle.errors import Exit
from tests.cli.test_app import bb
from tests.docs.test_commands import understand


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_each_example_is_understood(line: str) -> None:
    understand(shlex.split(line)[1:])


def test_an_example_with_a_misspelt_option_would_be_noticed() -> None:
    with pytest.raises(Exception, match="--ful"):
        understand(["plan", "--ful"])


def test_every_verb_has_examples_of_itself() -> None:
    assert set(EXAMPLES) == set(VERBS) - {"version"}
    for verb, lines in EXAMPLES.items():
        assert all(verb in shlex.split(line) for line in lines)


@pytest.mark.parametrize("verb", ["plan", "budget"])
def test_help_ends_with_them_each_on_a_line(verb: str) -> None:
    lines = [line.strip() for line in bb(verb, "--help").out.rstrip().splitlines()]
    assert lines[-len(EXAMPLES[verb]) - 1 :] == ["Examples:", *EXAMPLES[verb]]
    assert epilog("version") == ""


def test_the_help_of_bb_names_every_exit_code() -> None:
    named = {int(code) for code in re.findall(r"\b\d+\b", EXIT_CODES)}
    assert named == {int(code) for code in Exit}
    assert "70 bug in bb" in bb("--help").out


def test_options_are_called_by_what_they_take() -> None:
    shown = bb("apply", "--help").out
    for word in ("--only NAME", "--approve DIGEST", "--allow LIST", "--budget BUDGET"):
        assert word in shown
