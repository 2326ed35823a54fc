"""Scripts: from rules, from the request's header, from its model name; typos are errors."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.world import World
from tests.world.script import (
    Book,
    Rule,
    Script,
    dump,
    from_model,
    parse,
    parse_rule,
    plain_model,
)

BODY: dict[str, Any] = {"model": "claude-opus-5-5", "messages": []}


def test_a_script_survives_being_written_and_read() -> None:
    script = parse({"output": 5, "delay": 0.5, "quirks": ["cr", "bom"], "tool": "shell"})
    assert parse(dump(script)) == script
    assert dump(Script()) == {}


@pytest.mark.parametrize(
    "data",
    [
        {"outputs": 5},
        {"quirks": ["nope"]},
        {"encoding": "lzma"},
        {"usage": {"inputs": 1}},
        {"cut_how": "politely"},
    ],
)
def test_a_typo_is_an_error(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unknown"):
        parse(data)


def test_a_rule_with_an_unknown_key_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown rule keys"):
        parse_rule({"hosts": "x", "script": {}})


def test_a_model_name_can_carry_a_script() -> None:
    script = from_model("m@world:output=900,text=hi,quirks=cr+bom,cut_after=4", Script())
    assert script.usage == {"output": 900}
    assert (script.text, script.cut_after) == ("hi", 4)
    assert script.quirks == frozenset({"cr", "bom"})
    assert plain_model("m@world:output=900") == "m"
    assert from_model("m", Script(text="x")).text == "x"


def test_the_first_matching_rule_is_used_and_used_up() -> None:
    once, ever = Script(text="once"), Script(text="ever")
    book = Book(rules=[Rule(once, host="*.anthropic.com", times=1), Rule(ever, path="/v1/*")])
    picks = [book.pick("POST", "api.anthropic.com", "/v1/messages", "m") for _ in range(3)]
    assert [pick.text for pick in picks] == ["once", "ever", "ever"]
    assert book.pick("GET", "example.com", "/echo", "").text is None
    assert once.text == "once"


def test_a_request_overrides_the_rules_by_header_and_by_model(
    world: World, plain: httpx.Client
) -> None:
    world.script(output=1, text="rule")
    header = {"x-world-script": '{"text": "header", "output": 2}'}
    by_header = plain.post("/v1/messages", json=BODY, headers=header).json()
    by_model = plain.post(
        "/v1/messages", json=BODY | {"model": "claude-x@world:output=3"}, headers=header
    ).json()
    by_rule = plain.post("/v1/messages", json=BODY).json()
    seen = [
        (body["content"][-1]["text"], body["usage"]["output_tokens"], body["model"])
        for body in (by_header, by_model, by_rule)
    ]
    assert seen == [
        ("header", 2, "claude-opus-5-5"),
        ("header", 3, "claude-x"),
        ("rule", 1, "claude-opus-5-5"),
    ]


def test_a_misspelt_script_in_a_request_is_a_server_error_on_record(
    world: World, plain: httpx.Client
) -> None:
    for header in ('{"outptu": 1}', "not json", "[]"):
        answer = plain.post("/v1/messages", json=BODY, headers={"x-world-script": header})
        assert answer.status_code == 500
        assert "bad script" in answer.json()["error"]
    assert [request["billed"]["output"] for request in world.requests()] == [0, 0, 0]


def test_a_path_in_a_url_can_carry_the_script_too(world: World, plain: httpx.Client) -> None:
    path = "/v1beta/models/gemini-2.5-flash@world:output=77,reasoning=0:generateContent"
    usage = plain.post(path, json={"contents": []}).json()["usageMetadata"]
    assert usage["candidatesTokenCount"] == 77
    assert world.requests()[0]["model"] == "gemini-2.5-flash"
