"""An order reaches every bottle that has an account: whoever edits the manifests cannot switch the
emergency stop off."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from botbottle.cli import enforce, ordered
from botbottle.cli.run import Run
from botbottle.errors import Exit
from botbottle.ledger import open_ledger
from botbottle.load import load
from botbottle.model.paths import HomePaths, account
from tests.cli.applied import Bench
from tests.load.homes import write
from tests.support.stub_engine import stub_engine

CUT: list[list[str]] = []
RUNS: list[tuple[str, tuple[str, ...], list[str]]] = []


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bottle ``web`` was applied. What is cut and carried out is only noted."""
    CUT.clear()
    RUNS.clear()

    def carry_out(run: Run, *_: object, **__: object) -> int:
        RUNS.append((run.verb, run.only, sorted(b.name for b in run.declared.bottles)))
        return 0

    monkeypatch.setattr(enforce, "cut", lambda _c, _s, _p, names, _m: CUT.append([*names]))
    monkeypatch.setattr(enforce, "carry_out", carry_out)
    with stub_engine(tmp_path) as engine:
        made = Bench(tmp_path, engine)
        made.applied()
        yield made


def held(bench: Bench) -> set[str]:
    ledger = open_ledger(HomePaths(str(bench.home)).ledger_db, read_only=True)
    with contextlib.closing(ledger):
        return {key.partition("/")[2] for key in ledger.view(1.0).holds}


@pytest.mark.parametrize("words", [("web",), ("--all",)])
@pytest.mark.parametrize("policy", ["cutoff", "freeze", "kill"])
def test_a_bottle_that_is_not_declared_any_more_is_ordered_as_it_was_applied(
    bench: Bench, policy: str, words: tuple[str, ...]
) -> None:
    (bench.project / ".bot-bottle/agents/web.md").unlink()
    code, _, err = bench.bb(policy, *words)
    assert code == 0 and CUT == [["web"]] and [(policy, ("web",), ["web"])] == RUNS
    assert held(bench) == {"web"} and "web is not declared any more" in err


def test_so_is_each_while_a_manifest_is_broken(bench: Bench) -> None:
    write(bench.project / ".bot-bottle", {"agents/other": "bottle: limited\nunheard_of: 1"})
    code, _, err = bench.bb("cutoff", "--all")
    assert code == 0 and CUT == [["web"]] and RUNS == [("cutoff", ("web",), ["web"])]
    assert "unheard_of" in err and "broken" in err


def test_all_means_those_that_are_declared_and_those_that_were(bench: Bench) -> None:
    (bench.project / ".bot-bottle/agents/web.md").rename(
        bench.project / ".bot-bottle/agents/renamed.md"
    )
    assert bench.bb("cutoff", "--all")[0] == 0
    assert CUT == [["renamed", "web"]] and RUNS[0][1] == ("renamed", "web")


def test_one_of_which_no_applied_set_is_kept_is_held_and_cut(bench: Bench) -> None:
    found = load(bench.home, bench.project).declared
    assert found is not None
    ledger = open_ledger(HomePaths(str(bench.home)).ledger_db)
    with contextlib.closing(ledger):
        ledger.register(account(found.project.id, "half"), ())
    code, _, err = bench.bb("kill", "half")
    assert code == 0 and CUT == [["half"]] and held(bench) == {"half"}
    assert "half is not declared any more; it is held and cut off" in err


def test_a_name_that_nobody_ever_had_is_an_error_still(bench: Bench) -> None:
    code, _, err = bench.bb("cutoff", "wbe")
    assert code == int(Exit.USAGE) and "did you mean web?" in err and CUT == []


def test_broken_manifests_of_a_project_that_was_never_applied_are_an_error(bench: Bench) -> None:
    fresh = bench.project.parent / "fresh"
    write(fresh / ".bot-bottle", {"agents/web": "bottle: limited\nunheard_of: 1"})
    bench.project = fresh
    code, _, err = bench.bb("cutoff", "--all")
    assert code == int(Exit.INVALID) and "unheard_of" in err and CUT == []


def test_status_lists_it_with_a_mark_of_its_own(bench: Bench) -> None:
    (bench.project / ".bot-bottle/agents/web.md").unlink()
    code, out, _ = bench.bb("status")
    assert code == 0 and "web" in out and "not declared any more" in out
    (row,) = json.loads(bench.bb("status", "--json")[1])["bottles"]
    assert (row["name"], row["declared"]) == ("web", "no")


def test_destroy_goes_on_while_a_manifest_is_broken(bench: Bench) -> None:
    write(bench.project / ".bot-bottle", {"agents/other": "bottle: limited\nunheard_of: 1"})
    code, _, err = bench.bb("destroy", "--yes")
    assert code == 0 and "unheard_of" in err and "retire:web" in err
    assert bench.bb("plan")[0] == int(Exit.INVALID), "the control: nothing else goes by it"


def test_status_goes_by_what_was_applied_while_a_manifest_is_broken(bench: Bench) -> None:
    write(bench.project / ".bot-bottle", {"agents/other": "bottle: limited\nunheard_of: 1"})
    code, out, err = bench.bb("status")
    assert code == int(Exit.INVALID) and "web" in out and "unheard_of" in err
    assert "shown is what was applied" in err and "not declared" not in out


def test_an_order_on_a_declared_bottle_does_not_wait_for_what_else_there_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ordered, "former_of", lambda *_: pytest.fail("it was looked up"))
    assert bench.bb("cutoff", "web")[0] == 0 and CUT == [["web"]]


def test_an_applied_set_that_cannot_be_read_hides_no_older_one(bench: Bench) -> None:
    found = load(bench.home, bench.project).declared
    assert found is not None
    ledger = open_ledger(HomePaths(str(bench.home)).ledger_db)
    with contextlib.closing(ledger):
        for text in ("{}", '{"bottles": [7], "settings": {}}'):
            ledger.save_generation(found.project.id, text, plan_digest="d", by="ann", now=2.0)
    (bench.project / ".bot-bottle/agents/web.md").unlink()
    assert bench.bb("kill", "web")[0] == 0 and RUNS == [("kill", ("web",), ["web"])]


def test_status_tells_the_way_out_of_an_undeclared_bottle_that_is_held(bench: Bench) -> None:
    assert bench.bb("cutoff", "web")[0] == 0
    (bench.project / ".bot-bottle/agents/web.md").unlink()
    (row,) = json.loads(bench.bb("status", "--json")[1])["bottles"]
    assert row["held"]["way_out"] == "bb apply removes it"
