"""``bb apply`` and ``bb plan`` on a repository's edit that leaves its agent without its budget."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.applied import Bench
from tests.support.stub_engine import stub_engine


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with stub_engine(tmp_path) as engine:
        made = Bench(tmp_path, engine)
        made.applied()
        yield made


def test_the_same_again_asks_for_no_budget(bench: Bench) -> None:
    assert "BB310" not in json.dumps(bench.plan())


@pytest.mark.parametrize("text", ["bottle: unlimited", "bottle: unlimited\nbudget: {claude: 2M}"])
def test_a_repository_that_leaves_the_limited_bottle_needs_the_budgets_approval(
    bench: Bench, text: str
) -> None:
    bench.agent(text)
    (notice,) = (n for n in bench.plan()["notices"] if n["code"] == "BB310")
    assert notice["needs"] == "budget"
    assert "of bottle:limited from 1,000,000 to" in notice["message"]
    code, _, err = bench.bb("apply", "--yes", "--allow", "widen")
    assert code == 7 and "needs approval to budget" in err and bench.engine.writes == []


def test_a_launch_with_a_larger_limit_does_too(bench: Bench) -> None:
    code, _, err = bench.bb("apply", "--yes", "--allow", "widen", "--budget", "claude=1G")
    assert code == 7 and "budget" in err and bench.engine.writes == []
    assert "BB310" not in json.dumps(bench.plan("--budget", "claude=1k")), "the control"


def test_settings_that_count_less_do_too(bench: Bench) -> None:
    (bench.home / "settings.yml").write_text("count: {cache_read: false}\n")
    assert "it no longer counts cache_read" in json.dumps(bench.plan())
    assert bench.bb("apply", "--yes", "--allow", "widen")[0] == 7
