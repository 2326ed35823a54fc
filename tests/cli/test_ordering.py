"""Orders and liftings for machines: one document on stdout, in the committed schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from botbottle.approval import APPROVALS
from botbottle.cli.app import main
from botbottle.cli.consent import Consent
from botbottle.cli.ordering import carry_out
from botbottle.cli.run import Run
from botbottle.errors import BBError, Exit, PlanStale
from botbottle.executor import Result
from botbottle.executor.api import Failure, NotStarted
from tests.cli.fakes import err, run
from tests.support.worlds import World, bottle, declared

SCHEMA = json.loads(Path("schemas/outcome.json").read_text())
ORDERS = ("cutoff", "freeze", "kill", "release", "resume")


def document(made: Run) -> Any:
    assert made.machine is not None
    found = json.loads(made.machine.out.getvalue())  # type: ignore[attr-defined]
    jsonschema.validate(found, SCHEMA)
    return found


@pytest.mark.parametrize("verb", ORDERS)
def test_an_order_that_a_watch_carried_out_first_has_nothing_to_do(
    monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    world, want = World(), declared(bottle())
    world.converge(want)
    made = replace(run(monkeypatch, world=world, want=want), verb=verb).for_machines()
    assert carry_out(made, Consent(yes=True), show=True) == 0
    found = document(made)
    assert (found["verb"], found["outcome"], found["done"]) == (verb, "nothing to do", [])
    assert "Nothing to do." in err(made)


def test_one_document_is_written_however_often_the_world_moved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = replace(run(monkeypatch), verb="kill").for_machines()
    turns: list[int] = []

    def locked(self: Run, shown: Any, *_: Any, **__: Any) -> int:
        turns.append(1)
        if len(turns) == 1:
            raise PlanStale("the world moved")
        self.document("applied", shown, Result(done=shown.ops))
        return 0

    monkeypatch.setattr(Run, "locked", locked)
    assert carry_out(made, Consent(yes=True, allow=APPROVALS)) == 0
    assert len(turns) == 2 and document(made)["outcome"] == "applied"


def test_every_group_of_an_outcome_is_in_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    made = replace(run(monkeypatch), verb="freeze").for_machines()
    plan = made.plan()
    one, two, three = plan.ops[:3]
    failed = Failure(two, BBError("disk is full"))
    result = Result((one,), (failed,), (NotStarted(three, "blocked", two.id),))
    made.document("incomplete", plan, result)
    assert len(document(made)["failed"]) == 1


def test_the_schema_refuses_another_outcome() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"outcome": "perhaps"}, SCHEMA)


@pytest.mark.parametrize("verb", ORDERS)
def test_every_order_takes_json_and_still_wants_its_bottles_named(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").mkdir()
    code = main(["--home", str(tmp_path / "home"), "-C", str(tmp_path), verb, "--json"])
    captured = capsys.readouterr()
    assert code == int(Exit.USAGE) and captured.out == ""
    assert f" {verb} --json --all\n" in captured.err and "bb status shows" in captured.err


@pytest.mark.parametrize("verb", ["cutoff", "freeze", "kill", "release", "resume"])
def test_an_order_for_all_of_no_bottle_is_no_plan_of_everything(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(tmp_path), "-C", str(tmp_path), verb, "--all"]) == Exit.REFUSED
    assert "declare no bottle" in capsys.readouterr().err
