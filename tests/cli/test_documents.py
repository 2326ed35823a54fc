"""What each verb prints with ``--json`` fits the schema that is published for it, and has nothing
that the schema does not name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from botbottle.cli.app import main
from botbottle.cli.schema_documents import schema
from botbottle.cli.schema_outputs import OUTPUTS
from botbottle.ledger import open_ledger
from botbottle.model.bottle import Limit
from botbottle.model.paths import HomePaths
from botbottle.model.route import Route
from botbottle.model.sidecar_config import SidecarConfig
from tests.cli.applied import Bench
from tests.cli.test_denials import REFUSED
from tests.control.hostile import STATUS
from tests.control.test_client import Listener
from tests.ledger.worlds import exchange
from tests.support.stub_engine import stub_engine
from tests.watch.test_record import Session

DAY = "account,agent,bottle,provider,model,day,hour,project"
VERBS = [  # the schema, the command line, what its document has at least one of
    ("status", "status", "bottles"),
    ("usage", f"usage --by {DAY}", "rows"),
    ("usage", "usage", "rows"),
    ("list", "list", "rows"),
    ("list", "list --offline", "rows"),
    ("info", "info web", "values"),
    ("explain", "explain web.budget", "values"),
    ("budget", "budget show", "pools"),
    ("history", "history", "generations"),
    ("diff", "diff -1", "old"),
    ("audit", "audit", "rows"),
    ("denials", "denials", "denials"),
    ("denials", "denials web", "denials"),
    ("findings", "findings", "findings"),
    ("findings", "findings web", "findings"),
    ("routes", "routes list web", "reach"),
    ("suggestions", "routes suggest web", "routes"),
    ("proposals", "proposals list --all", "proposals"),
    ("freezes", "freezes", "freezes"),
    ("freezes", "freezes --scan", "freezes"),
    ("ledger-check", "ledger check", "rows"),
    ("top", "top", "rows"),
    ("plan", "plan", "ops"),
    ("diagnostics", "validate", ""),
]
ACTIVE = SidecarConfig("web", (Route("api.example.com"),)).to_wire()
ANSWERS: dict[str, Any] = {
    "status": {"ok": True, "status": {**STATUS, "config": ACTIVE}},
    "denials": {"ok": True, "denials": [{**REFUSED, "id": "r1"}, {"event": "cut", "id": "r2"}]},
    "vault_get": {"ok": True, "values": {}},
}


def closed(node: Any) -> Any:
    """The schema, with no room for fields that it does not name."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    out = {key: closed(item) for key, item in node.items()}
    if "properties" in out and out.get("type") == "object":
        out.setdefault("additionalProperties", False)
    return out


def fits(name: str, document: Any) -> None:
    jsonschema.Draft202012Validator(closed(schema(name))).validate(document)


def fill(bench: Bench) -> str:
    """Something of everything in the ledger; the account that it is about."""
    with closing(open_ledger(HomePaths(str(bench.home)).ledger_db)) as ledger:
        (key,) = (a.name for a in ledger.accounts())
        ledger.settle(key, "", [exchange(100)], now=1_700_000_000.0)
        ledger.set_limit("global", Limit("claude", 5000, "day"), by="ann")
        ledger.record_event(key, "finding", {"rule": "r", "fingerprint": "0f"}, now=2.0)
        ledger.propose(
            key, "egress-allow", {"host": "x.example"}, justification="", ttl=60.0, now=3.0
        )
        ledger.hold(key, "cutoff", by="ann", reason="odd", now=4.0)
        ledger.record_freeze(key, "botbottle/snapshot-web:1", "d", now=5.0)
        return key


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bottle that was applied, is held, has spent, asked, been refused, frozen and looked at."""
    root = tmp_path_factory.mktemp("d")
    with stub_engine(root) as engine:
        made = Bench(root, engine)
        made.applied()
        project, _, name = fill(made).rpartition("/")
        control = Path(HomePaths(str(made.home)).bottle(project, name).control)
        control.mkdir(parents=True)
        place = os.open(control, os.O_PATH)
        sidecar = Listener(Path(f"/proc/self/fd/{place}"))
        os.close(place)
        sidecar.reply = lambda asked: ANSWERS[asked["op"]]
        yield made
        sidecar.close()


@pytest.mark.parametrize(("name", "words", "has"), VERBS)
def test_what_a_verb_prints_fits_its_schema(bench: Bench, name: str, words: str, has: str) -> None:
    code, out, err = bench.bb(*words.split(), "--json")
    assert code == 0, err
    document = json.loads(out)
    assert not has or document[has]
    fits(name, document)


@pytest.mark.parametrize("name", sorted({n for n, _, _ in VERBS} & set(OUTPUTS)))
def test_a_document_that_lacks_a_field_or_has_another_is_noticed(bench: Bench, name: str) -> None:
    words = next(w for n, w, _ in VERBS if n == name)
    document = json.loads(bench.bb(*words.split(), "--json")[1])
    with pytest.raises(jsonschema.ValidationError, match="unheard_of"):
        fits(name, document | {"unheard_of": 1})
    for field in document:
        with pytest.raises(jsonschema.ValidationError, match=field):
            fits(name, {k: v for k, v in document.items() if k != field})


def test_a_replayed_watch_fits_its_schema(tmp_path: Path, capsys: Any) -> None:
    session = Session(tmp_path / "flight")
    for _ in range(2):
        session.look()
    session.recorder.close()
    assert main(["-C", str(tmp_path), "replay", "flight", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 2 and lines[0]["operations"]
    for found in lines:
        fits("replay", found)


def test_a_scan_fits_its_schema(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "leak").write_text("key = ghp_16C7e42F292c6912E7710c838347Ae178B4a\n")
    assert main(["-C", str(tmp_path), "scan", str(tmp_path / "leak"), "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["findings"]
    fits("scan", document)


def test_every_document_that_is_published_is_looked_at_here() -> None:
    assert set(OUTPUTS) - {name for name, _, _ in VERBS} == {"replay", "scan"}
