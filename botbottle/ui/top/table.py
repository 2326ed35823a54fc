"""The fleet table as a widget: only cells that changed are drawn again."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import DataTable

from botbottle.ui.top import arrange
from botbottle.ui.top.model import Row

STYLES = {5: "bold", 4: "bold red", 3: "bold", 2: "bold"}


class FleetTable(DataTable[Text]):
    """One line a bottle; the cursor stays on its bottle while lines move."""

    def __init__(self) -> None:
        super().__init__(cursor_type="row", zebra_stripes=False, id="fleet")
        self._shown: tuple[arrange.Column, ...] = ()
        self._order: list[str] = []
        self._cells: dict[str, tuple[str, ...]] = {}

    @property
    def chosen(self) -> str:
        """The bottle under the cursor; empty without rows."""
        if 0 <= self.cursor_row < len(self._order):
            return self._order[self.cursor_row]
        return ""

    def show(self, rows: Sequence[Row], now: float, width: int) -> None:
        """Make the table say what ``rows`` say, in ``width`` characters."""
        longest = max((len(r.bottle) for r in rows), default=0)
        wanted = arrange.columns(width, longest)
        order = [r.bottle for r in rows]
        lines = {r.bottle: tuple(c.cell(r, now) for c in wanted) for r in rows}
        styles = {r.bottle: STYLES.get(arrange.trouble(r), "") for r in rows}
        same = [(c.title, c.width) for c in wanted] == [(c.title, c.width) for c in self._shown]
        if same and order == self._order:
            self._change(lines, styles)
        else:
            self._rebuild(wanted, order, lines, styles)
        self._cells = lines

    def _change(self, lines: dict[str, tuple[str, ...]], styles: dict[str, str]) -> None:
        for bottle, line in lines.items():
            before = self._cells[bottle]
            for column, old, new in zip(self._shown, before, line, strict=True):
                if old != new:
                    self.update_cell(bottle, column.title, Text(new, styles[bottle]))

    def _rebuild(
        self,
        wanted: tuple[arrange.Column, ...],
        order: list[str],
        lines: dict[str, tuple[str, ...]],
        styles: dict[str, str],
    ) -> None:
        chosen, place = self.chosen, self.cursor_row
        self.clear(columns=True)
        for column in wanted:
            self.add_column(column.title, width=column.width, key=column.title)
        for bottle in order:
            self.add_row(*(Text(v, styles[bottle]) for v in lines[bottle]), key=bottle)
        self._shown, self._order = wanted, order
        if order:
            row = order.index(chosen) if chosen in order else min(place, len(order) - 1)
            self.move_cursor(row=max(row, 0))
