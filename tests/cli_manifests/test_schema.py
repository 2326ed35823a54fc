"""The committed schemas are the code's, and they agree with the loader."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from botbottle.cli.schema import check_schemas, print_schema, write_schemas
from botbottle.cli.schema_documents import names, schema
from botbottle.errors import UsageError
from botbottle.load.source import cut, read_text
from botbottle.load.yamltree import parse
from tests.cli_manifests.run import bb

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples/.bot-bottle"
BROKEN = ROOT / "tests/manifests"


def data_of(path: Path) -> Any:
    text = read_text(path)
    if path.suffix == ".yml":
        return YAML(typ="safe").load(text)
    return parse(cut(text, path.name, "home").front).data


def test_the_committed_schemas_do_not_drift() -> None:
    err = io.StringIO()
    assert check_schemas(ROOT / "schemas", err) == 0, err.getvalue()


def test_a_changed_a_missing_and_a_foreign_schema_are_found(tmp_path: Path) -> None:
    write_schemas(tmp_path, io.StringIO())
    assert check_schemas(tmp_path, io.StringIO()) == 0
    (tmp_path / "agent.json").write_text("{}")
    (tmp_path / "bottle.json").unlink()
    (tmp_path / "other.json").write_text("{}")
    err = io.StringIO()
    assert check_schemas(tmp_path, err) == 1
    assert [name in err.getvalue() for name in ("agent", "bottle", "other")] == [True] * 3


@pytest.mark.parametrize("name", names())
def test_every_schema_is_a_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))
    out = io.StringIO()
    assert print_schema(name, out) == 0
    assert json.loads(out.getvalue())["title"].startswith("botbottle ")


@pytest.mark.parametrize("name", names())
def test_every_reference_leads_somewhere_and_nothing_is_left_over(name: str) -> None:
    whole = schema(name)
    used = set(re.findall(r'"\$ref": "#/\$defs/(\w+)"', json.dumps(whole)))
    assert used == set(whole.get("$defs", {}))


def test_an_unknown_schema_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        print_schema("nope", io.StringIO())


@pytest.mark.parametrize(
    ("kind", "path"),
    [("settings", EXAMPLES / "settings.yml")]
    + [("bottle", p) for p in sorted(EXAMPLES.glob("bottles/*.md"))]
    + [("agent", p) for p in sorted(EXAMPLES.glob("agents/*.md"))],
    ids=lambda p: p.stem if isinstance(p, Path) else p,
)
def test_the_examples_fit_their_schema(kind: str, path: Path) -> None:
    jsonschema.Draft202012Validator(schema(kind)).validate(data_of(path))


@pytest.mark.parametrize(
    "case",
    ["unknown-key", "log-out-of-range", "env-number", "budget-bad-amount", "shutdown-unknown",
     "route-url-as-host", "removed-runtime", "supervise-yes", "resources-memory", "extends-path"],
)  # fmt: skip
def test_an_editor_would_mark_the_same_mistakes(case: str) -> None:
    validator = jsonschema.Draft202012Validator(schema("bottle"))
    assert not validator.is_valid(data_of(BROKEN / f"bottle/{case}.md"))


def test_the_plan_schema_accepts_a_plan_and_refuses_nonsense() -> None:
    from botbottle.model.plan import Plan, Ref, StartContainer
    from botbottle.ui.plan_json import document

    op = StartContainer(id="a", resource="web/agent", bottle="web", reason="x", ref=Ref("n"))
    validator = jsonschema.Draft202012Validator(schema("plan"))
    made = json.loads(json.dumps(document(Plan("home", ops=(op,)))))
    validator.validate(made)
    made["ops"][0]["op"] = "LaunchMissiles"
    assert not validator.is_valid(made)


def test_the_event_schema_accepts_events() -> None:
    from botbottle.ui.events import Note, RunStarted, to_wire

    validator = jsonschema.Draft202012Validator(schema("events"))
    validator.validate(to_wire(RunStarted(ts=1.0, ops=2, digest="0" * 16)))
    validator.validate(to_wire(Note(ts=1.0, level="info", message="m")))
    assert not validator.is_valid({"type": "RunStarted", "ts": 1.0})


def test_the_denial_schema_accepts_a_denial() -> None:
    from botbottle.sidecar.egress.denial import Denial

    denial = Denial("no-route", "x.example is not allowed", "x.example", "GET", "/")
    validator = jsonschema.Draft202012Validator(schema("denial"))
    validator.validate(json.loads(denial.body("r1")))
    assert not validator.is_valid({**denial.document("r1"), "code": "whatever"})


@pytest.mark.parametrize("option", [("--check",), ("--write", "x")])
def test_a_name_beside_all_schemas_is_not_passed_over(
    option: tuple[str, ...], tmp_path: Path
) -> None:
    done = bb("-C", str(tmp_path), "schema", "schemas", *option)
    assert done.code == 64 and "'schemas' is too much" in done.err
    assert not list(tmp_path.iterdir())


def test_a_schema_that_is_not_there_is_called_missing(tmp_path: Path) -> None:
    err = io.StringIO()
    assert check_schemas(tmp_path, err) == 1
    assert "plan.json is missing; run bb schema --write" in err.getvalue()
