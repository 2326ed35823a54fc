"""The fleet table as a widget: one line a bottle, drawn as one string.

A general table widget draws each cell as a document of its own, which at 100 bottles costs more
than everything else together. Here a line is one segment, and only lines that changed are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from botbottle.ui.top import arrange
from botbottle.ui.top.model import Row

CURSOR = "›"  # seen without colour
_HEAD = Style(bold=True, underline=True)
_LINE = Style()
_TROUBLE = Style(bold=True)
_CHOSEN = Style(reverse=True)


class FleetTable(ScrollView, can_focus=True):
    """The header stays; the cursor stays on its bottle while lines move."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home", "move(-1000000)", show=False),
        Binding("end", "move(1000000)", show=False),
        Binding("enter", "open", show=False),
    ]

    class Chosen(Message):
        """The cursor is on another bottle."""

    class Opened(Message):
        """Enter was pressed on a bottle."""

    def __init__(self) -> None:
        super().__init__(id="fleet")
        self.order: list[str] = []
        self.place = 0
        self._head = ""
        self._lines: list[tuple[str, bool]] = []  # text, trouble

    @property
    def chosen(self) -> str:
        """The bottle under the cursor; empty without rows."""
        return self.order[self.place] if self.place < len(self.order) else ""

    def show(self, rows: Sequence[Row], now: float, width: int) -> None:
        """Make the table say what ``rows`` say, in ``width`` characters."""
        longest = max((len(r.bottle) for r in rows), default=0)
        columns = arrange.columns(width, longest)
        head = "  ".join(c.title.ljust(c.width) for c in columns)
        lines = [
            ("  ".join(c.cell(r, now).ljust(c.width) for c in columns), arrange.trouble(r) > 1)
            for r in rows
        ]
        chosen, before, old_head = self.chosen, self._lines, self._head
        self.order = [r.bottle for r in rows]
        self._head, self._lines = head, lines
        place = self.order.index(chosen) if chosen in self.order else self.place
        moved = self._put(place)
        if len(before) != len(lines) or head != old_head or moved:
            self.virtual_size = Size(0, len(lines) + 1)
            self.refresh()
        else:
            self._redraw(n for n, line in enumerate(lines) if line != before[n])

    def _redraw(self, changed: Iterable[int]) -> None:
        top, height = self.scroll_offset.y, self.size.height - 1
        for number in changed:
            if top <= number < top + height:
                self.refresh(Region(0, number - top + 1, self.size.width, 1))

    def _put(self, place: int) -> bool:
        """Move the cursor; whether it is on another line now."""
        place = max(0, min(place, len(self.order) - 1))
        moved, self.place = place != self.place, place
        return moved

    def render_line(self, y: int) -> Strip:
        """One line of the widget; the first is the header."""
        width, number = self.size.width, y - 1 + self.scroll_offset.y
        if y == 0:
            return self._strip(f" {self._head}", _HEAD, width)
        if number >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        words, trouble = self._lines[number]
        if number == self.place:
            return self._strip(CURSOR + words, _CHOSEN, width)
        return self._strip(f" {words}", _TROUBLE if trouble else _LINE, width)

    def _strip(self, words: str, style: Style, width: int) -> Strip:
        full = self.rich_style + style
        return Strip([Segment(words, full)]).adjust_cell_length(width, full)

    def action_move(self, by: int) -> None:
        """Cursor up or down by lines."""
        if self._put(self.place + by):
            self._follow()
            self.refresh()
            self.post_message(self.Chosen())

    def action_page(self, by: int) -> None:
        """Cursor up or down by screens."""
        self.action_move(by * max(self.size.height - 2, 1))

    def action_open(self) -> None:
        self.post_message(self.Opened())

    def on_resize(self, event: events.Resize) -> None:
        self._follow()

    def _follow(self) -> None:
        """Scroll as little as shows the cursor."""
        visible, top = max(self.size.height - 1, 1), self.scroll_offset.y
        if self.place < top:
            self.scroll_to(y=self.place, animate=False)
        elif self.place >= top + visible:
            self.scroll_to(y=self.place - visible + 1, animate=False)
