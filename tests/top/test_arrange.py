"""Sorting, filtering and columns."""

from __future__ import annotations

import pytest

from botbottle.ui.top import arrange
from tests.top.fakes import NOW, full, large, row, small


def order(sort: str, words: str = "") -> list[str]:
    return [r.bottle for r in arrange.arranged(small(), sort, words)]


def test_trouble_first_puts_what_needs_an_operator_on_top() -> None:
    assert order("trouble") == ["tests", "docs", "web", "api"]


@pytest.mark.parametrize(
    ("sort", "first"), [("name", "api"), ("budget", "docs"), ("burn", "api"), ("denials", "api")]
)
def test_orders(sort: str, first: str) -> None:
    assert order(sort)[0] == first


def test_left_puts_the_next_to_be_used_up_first() -> None:
    assert order("left")[0] in ("tests", "web")
    assert arrange.left(row(budgets=(full(1.0),))) == "0s"
    assert arrange.left(row(budgets=())) == "-"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ["api", "docs", "tests", "web"]),
        ("CODEX", ["docs"]),
        ("claude running", ["api", "web"]),
        ("drift", ["web"]),
        ("held", ["docs"]),
        ("proposals", ["tests"]),
        ("denials", ["api"]),
        ("nobody", []),
    ],
)
def test_filters(words: str, found: list[str]) -> None:
    assert order("name", words) == found


@pytest.mark.parametrize("width", range(60, 260))
def test_columns_never_exceed_the_width_and_always_tell_the_essentials(width: int) -> None:
    shown = arrange.columns(width, 24)
    assert sum(c.width + 2 for c in shown) + 2 <= width
    assert [c.title for c in shown][:2] == ["bottle", "state"]
    assert "budget" in [c.title for c in shown]


def test_every_cell_fits_its_column() -> None:
    rows = [*small().rows, *large().rows, row("x" * 60, model="m" * 60, provider="p" * 20)]
    for found in rows:
        for column in arrange.columns(300, 24):
            assert len(column.cell(found, NOW)) <= column.width, column.title


def test_every_state_has_a_sign_of_its_own_or_the_one_for_broken() -> None:
    assert arrange.symbol("running") != arrange.symbol("stopped")
    assert arrange.symbol("no answer") == "!" and arrange.symbol("missing") == "!"


def test_the_plain_table_has_a_line_for_each_bottle() -> None:
    lines = arrange.table(small().rows, NOW, 140).splitlines()
    assert [line.split()[0] for line in lines] == ["bottle", "api", "docs", "tests", "web"]
