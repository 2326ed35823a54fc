"""A desired set as lines, and what differs between two."""

from __future__ import annotations

import io
from typing import Any

import pytest
from ruamel.yaml import YAML

from botbottle.ui.desired import lines, unified


def document(**bottle: Any) -> dict[str, Any]:
    return {"bottles": [{"name": "web", **bottle}], "settings": {"max_changes": 3}}


@pytest.mark.parametrize(
    "value",
    [
        "text",
        "yes",
        "12",
        'quote " and \\ and : #',
        "  leading",
        7,
        2.5,
        True,
        False,
        ["a", "b"],
        [{"host": "a", "paths": [{"type": "exact", "value": "/"}]}, {"host": "b"}],
        [["a", "b"], ["c"]],
        {"memory": 5, "deep": {"er": ["x"]}},
        "two\nlines\n",
        "no end\nof line",
        "  two blanks first\nand\n\nan empty line\n",
        ["several\nlines\n", "one"],
    ],
)
def test_the_lines_are_yaml_that_says_the_same(value: Any) -> None:
    text = "\n".join(lines(document(key=value))) + "\n"
    found = YAML(typ="safe", pure=True).load(io.StringIO(text))
    assert found["bottles"]["web"]["key"] == value
    assert found["settings"] == {"max_changes": 3}


def test_empty_values_and_provenance_are_left_out() -> None:
    text = "\n".join(lines(document(task="", user={"name": ""}, origins={"a": 1}, state="started")))
    assert "task" not in text and "user" not in text and "origins" not in text
    assert 'state: "started"' in text


def test_a_changed_prompt_shows_only_its_changed_lines() -> None:
    before = document(prompt="one\ntwo\nthree\n")
    after = document(prompt="one\n2\nthree\n")
    found = unified(before, after, ("a", "b")).splitlines()
    changed = [x for x in found if x[0] in "+-" and x[:3] not in ("+++", "---")]
    assert [line.split() for line in changed] == [["-", "two"], ["+", "2"]]


def test_the_order_of_bottles_and_keys_makes_no_difference() -> None:
    one = {"bottles": [{"name": "a", "x": 1, "y": 2}, {"name": "b"}]}
    other = {"bottles": [{"name": "b"}, {"y": 2, "x": 1, "name": "a"}]}
    assert unified(one, other, ("a", "b")) == ""


def test_only_leaves_out_other_bottles_and_the_settings() -> None:
    before = {"bottles": [{"name": "a", "x": 1}, {"name": "b", "x": 1}], "settings": {"s": 1}}
    after = {"bottles": [{"name": "a", "x": 2}, {"name": "b", "x": 2}], "settings": {"s": 2}}
    text = unified(before, after, ("a", "b"), only=("a",))
    assert text.count("+    x: 2") == 1 and " s:" not in text
