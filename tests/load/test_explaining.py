"""Provenance: every leaf has its place and what it overrode."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from botbottle.errors import UsageError
from botbottle.load import explain, load
from botbottle.load.flatten import flatten
from botbottle.model.bottle import Declared
from tests.load.homes import BASE, write


@pytest.fixture
def declared(tmp_path: Path) -> Declared:
    write(
        tmp_path,
        {
            "bottles/top": f"{BASE}\nenv: {{X: top, Y: 'y'}}\nresources: {{memory: 1g}}\n"
            "egress:\n  routes:\n    - host: one.example",
            "bottles/web": "extends: top\nenv: {X: web}\nresources:\n  memory: 2g\n"
            "budget: {claude: 1M}\negress:\n  routes:\n    - host: two.example\n      port: 444",
            "agents/web": "bottle: web\nbudget: {claude: 1k}\ngit-gate: {user: {name: A}}",
            "settings.yml": "budget:\n  claude: 9M\nshutdown: freeze\n",
        },
    )
    found = load(tmp_path).declared
    assert found is not None
    return found


def test_winner_and_losers_with_their_values(declared: Declared) -> None:
    (item,) = explain(declared, "web.env.X")
    assert (item.value, str(item.winner)) == ("web", "home:bottles/web.md:3")
    assert [(str(s.origin), s.text) for s in item.losers] == [("home:bottles/top.md:3", "top")]


def test_a_route_by_number_in_the_effective_order(declared: Declared) -> None:
    found = {e.path: e for e in explain(declared, "web.egress.routes[1]")}
    assert found["egress.routes[1].host"].value == "two.example"
    assert found["egress.routes[1].port"].winner.line == 10
    assert str(found["egress.routes[1].host"].winner) == "home:bottles/web.md:9"


def test_budgets_show_every_scope_that_sets_one(declared: Declared) -> None:
    (item,) = explain(declared, "web.budget.claude")
    assert item.value == "1k (agent:home/web)"
    assert [s.text for s in item.losers] == ["1M (bottle:web)", "9M (global)"]
    assert item.losers[-1].origin.layer == "settings"


def test_settings_are_the_layer_below_bottles(declared: Declared) -> None:
    (item,) = explain(declared, "web.shutdown")
    assert (item.value, str(item.winner)) == ("freeze", "settings:settings.yml:3")


def test_defaults_are_called_defaults(declared: Declared) -> None:
    (item,) = explain(declared, "web.supervise")
    assert (item.value, item.winner.file, item.losers) == ("true", "", ())


def test_a_whole_bottle_or_a_branch_is_every_leaf_below(declared: Declared) -> None:
    assert [e.path for e in explain(declared, "web.env")] == ["env.X", "env.Y"]
    everything = explain(declared, "web")
    assert [e.path for e in everything] == list(flatten(declared.bottles[0]))


def test_every_declared_leaf_has_a_file_and_a_line(declared: Declared) -> None:
    spec = declared.bottles[0]
    assert all(o.file and o.line for places in spec.origins.values() for o in places)
    written = [e.path for e in explain(declared, "web") if e.winner.file]
    assert {"env.X", "resources.memory", "git-gate.user.name", "budget.claude"} <= set(written)


def test_a_credential_written_into_a_file_is_not_printed_again(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"bottles/b": f"{BASE}\nenv: {{A: sk-ant-api03-secret}}", "agents/web": "bottle: b"},
    )
    found = load(tmp_path).declared
    assert found is not None
    assert found.bottles[0].env[0].value == "sk-ant-api03-secret"  # the agent gets it
    assert [e.value for e in explain(found, "web.env.A")] == ["…"]


def test_unknown_bottles_and_keys_get_a_did_you_mean(declared: Declared) -> None:
    with pytest.raises(UsageError) as caught:
        explain(declared, "wob.env")
    assert "'web'" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        explain(declared, "web.env.Z")
    assert "env." in caught.value.hint


def test_specs_compare_hash_and_copy_without_their_provenance(declared: Declared) -> None:
    spec = declared.bottles[0]
    again = pickle.loads(pickle.dumps(spec))
    assert again == spec
    assert dict(again.origins) == dict(spec.origins)
    assert copy.deepcopy(spec) == spec
