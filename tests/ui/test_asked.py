"""Whoever decides a proposal is shown all that an approval covers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from botbottle.ui import asked

FINDINGS = [
    {"location": f"json:$.{'a' * 60}{n}", "rule": f"rule.{n}", "fingerprint": "f" * 16}
    for n in range(10)
]


def test_the_host_comes_first_and_each_finding_has_a_whole_line() -> None:
    found = asked.lines({"findings": FINDINGS, "host": "api.example"})
    assert found[0] == "host: api.example" and len(found) == 11
    for number, line in enumerate(found[1:]):
        assert line.startswith(f"findings {number + 1} of 10: rule rule.{number}, ")
        assert f"location json:$.{'a' * 60}{number}" in line and f"fingerprint {'f' * 16}" in line


def test_the_text_of_a_payload_is_told_alike() -> None:
    payload = {"findings": FINDINGS, "host": "api.example"}
    assert asked.of_text(json.dumps(payload, sort_keys=True)) == asked.lines(payload)


@pytest.mark.parametrize("odd", ["no JSON", "[1]", "[" * 100_000, ""])
def test_what_is_no_payload_is_a_line_by_itself(odd: str) -> None:
    assert asked.of_text(odd) == (odd,)


@pytest.mark.parametrize(
    ("payload", "told"),
    [({}, ()), ({"b": [], "a": {"y": 1, "x": 2}}, ('a: {"x": 2, "y": 1}', "b: none")),
     ({"list": ["x", {"n": 1, "rule": "r"}], "host": None},
      ("host: null", "list 1 of 2: x", "list 2 of 2: rule r, n 1"))],
)  # fmt: skip
def test_every_shape_has_lines(payload: dict[str, Any], told: tuple[str, ...]) -> None:
    assert asked.lines(payload) == told
