"""What nothing that is planned mends is in ``bb status``, its document and its exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from botbottle.model import labels
from botbottle.model.paths import HomePaths
from botbottle.planner.names import names
from tests.cli.applied import Bench
from tests.cli.test_elsewhere import container, of
from tests.support.stub_engine import stub_engine


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bottle that was applied and whose agent is there."""
    with stub_engine(tmp_path) as engine:
        made = Bench(tmp_path, engine)
        made.applied()
        engine.answers["/containers/json"] = [container(HomePaths(str(made.home)), of(made).id)]
        yield made


def status(bench: Bench) -> tuple[int, list[tuple[str, str]], str]:
    code, out, err = bench.bb("status", "--json")
    return code, [(a["code"], a["bottle"]) for a in json.loads(out)["alarms"]], err


def lose(bench: Bench) -> None:
    for file in Path(HomePaths(str(bench.home)).ledger_dir).iterdir():
        file.unlink()


def test_a_bottle_with_its_ledger_raises_none(bench: Bench) -> None:
    code, alarms, err = status(bench)
    assert code == 0 and not alarms and "BB33" not in err


def test_a_lost_ledger_is_told_of_with_what_to_do(bench: Bench) -> None:
    lose(bench)
    code, alarms, err = status(bench)
    assert code == 1 and alarms == [("BB333", "web")]
    assert "bb ledger restore FILE" in err and "--allow budget" in err
    text = bench.bb("plan")[1]
    assert "BB333" in text and "bb ledger restore FILE" in text
    assert "budget" in {n["needs"] for n in bench.plan()["notices"] if n["code"] == "BB333"}


def test_yes_alone_starts_no_budget_at_nothing(bench: Bench) -> None:
    lose(bench)
    code, _, err = bench.bb("apply", "--yes", "--allow", "widen")
    assert code == 7 and "budget" in err and not bench.engine.writes
    assert not Path(HomePaths(str(bench.home)).ledger_db).exists()


def test_a_stranger_on_a_bottles_network_is_told_of(bench: Bench) -> None:
    paths, project = HomePaths(str(bench.home)), of(bench).id
    called = names(paths.home_id, project, "web").network
    there = bench.engine.answers["/containers/json"]
    assert isinstance(there, list)
    bench.engine.answers["/networks"] = [
        {
            "Id": "e" * 64, "Name": called, "Internal": True, "IPAM": {"Config": []},
            "Labels": {labels.HOME: paths.home_id, labels.PROJECT: project,
                       labels.BOTTLE: "web", labels.KIND: "internal"},
        }
    ]  # fmt: skip
    guest: dict[str, Any] = {
        **container(paths, project), "Id": "d" * 64, "Names": ["/guest"], "Labels": {},
    }  # fmt: skip
    bench.engine.answers["/containers/json"] = [*there, guest]
    assert status(bench)[:2] == (0, [])
    joined = {called: {"NetworkID": "e" * 64, "IPAddress": ""}}
    guest["NetworkSettings"] = {"Networks": joined}
    code, alarms, err = status(bench)
    assert code == 1 and alarms == [("BB332", "web")]
    assert "docker network disconnect" in err and "guest" in err
