"""The dashboard: table above, details below, keys for everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual import events, work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Footer, Input, Static

from botbottle.ui.top import arrange, looks, orders, pane, text
from botbottle.ui.top.model import Detail, Fleet, Row
from botbottle.ui.top.orders import Order, Runner
from botbottle.ui.top.screens import Amount, Confirm, Proposals, Reading
from botbottle.ui.top.source import Source
from botbottle.ui.top.table import FleetTable

DETAIL_SECONDS = 2.0  # between two looks at the same bottle's details


class Top(App[None]):
    """``source`` gives pictures, ``runner`` carries orders out; None means read-only."""

    TITLE = "bb top"
    ENABLE_COMMAND_PALETTE = False
    CSS = looks.CSS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("s", "sort", "Sort"),
        Binding("d", "detail", "Details"),
        Binding("c", "hold('cutoff')", "Cutoff"),
        Binding("f", "hold('freeze')", "Freeze"),
        Binding("k", "hold('kill')", "Kill"),
        Binding("r", "lift", "Resume"),
        Binding("b", "budget", "Budget"),
        Binding("p", "proposals", "Proposals"),
        Binding("R", "again", "Refresh", show=False),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(
        self, source: Source, runner: Runner | None, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self.source = source
        self.runner = runner
        self.clock = clock
        self.fleet = Fleet()
        self.sort = "name"
        self.words = ""
        self.running: list[str] = []  # orders under way
        self._detail = Detail("")
        self._looked = 0.0
        self._drawn = 0.0

    def compose(self) -> ComposeResult:
        yield Static("", id="head", markup=False)
        yield Static("", id="problems", markup=False)
        yield FleetTable()
        with VerticalScroll(id="detail", can_focus=True):
            yield Static("", id="about", markup=False)
        yield Input(placeholder="filter; Enter keeps it, Escape clears it", id="words")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.query_one(FleetTable).focus()
        self._refresh()
        self.source.start(self._arrived)
        self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        self.source.stop()

    # -- pictures -------------------------------------------------------------------------
    def _arrived(self, fleet: Fleet) -> None:
        """From any thread; a picture that comes while the app ends is dropped."""
        if self.is_running:
            self.call_later(self._show, fleet)

    def _tick(self) -> None:
        """Times go on without news; just after news nothing is to be done."""
        if time.monotonic() - self._drawn > 0.6:
            self._refresh()

    def _show(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._refresh()

    def _refresh(self) -> None:
        if not self.query(FleetTable):
            return
        now, self._drawn = self.clock(), time.monotonic()
        rows = self._rows()
        table = self.query_one(FleetTable)
        table.show(rows, now, self.size.width)
        self._set("#head", self._head(len(rows), now))
        self._set("#problems", "\n".join(f"! {text.plain(p)}" for p in self.fleet.problems))
        self._about(now)

    def _rows(self) -> list[Row]:
        return arrange.arranged(self.fleet, self.sort, self.words)

    def _head(self, shown: int, now: float) -> str:
        total = len(self.fleet.rows)
        burn = sum(r.burn for r in self.fleet.rows)
        parts = [
            f"bb top {self.fleet.project}",
            f"{shown} of {total} bottles" if shown != total else f"{total} bottles",
            f"by {self.sort}",
            text.rate(burn),
            "watch on" if self.fleet.watch_alive else "no watch",
        ]
        parts += [f"engine {text.ago(self.fleet.observed_at, now)} ago"] if self._stale(now) else []
        parts += [f"{len(self.fleet.proposals)} proposals"] if self.fleet.proposals else []
        parts += ["read-only"] if self.runner is None else []
        parts += [f"running: {', '.join(self.running)}"] if self.running else []
        return text.plain("  ".join(p for p in parts if p), self.size.width)

    def _stale(self, now: float) -> bool:
        return bool(self.fleet.observed_at) and now - self.fleet.observed_at > 30

    def _set(self, place: str, words: str) -> None:
        """Change a text only when it differs: an unchanged one costs no drawing."""
        widget = self.query_one(place, Static)
        if widget.content != words:
            widget.update(words)

    def _about(self, now: float) -> None:
        if not self.query_one("#detail").has_class("on"):
            return
        row = self._chosen()
        if row is None:
            self._set("#about", "")
            return
        if self._detail.bottle != row.bottle or now - self._looked > DETAIL_SECONDS:
            self._looked = now
            self._look(row.bottle)
        found = self._detail if self._detail.bottle == row.bottle else Detail(row.bottle)
        asks = [a for a in self.fleet.proposals if a.bottle == row.bottle]
        self._set("#about", pane.describe(row, found, asks, now, max(self.size.width - 4, 40)))

    @work(thread=True, exclusive=True, group="detail")
    def _look(self, bottle: str) -> None:
        found = self.source.detail(bottle)
        self.call_later(self._looked_at, found)

    def _looked_at(self, found: Detail) -> None:
        self._detail = found
        self._about(self.clock())

    def _chosen(self) -> Row | None:
        name = self.query_one(FleetTable).chosen
        return next((r for r in self.fleet.rows if r.bottle == name), None)

    def on_fleet_table_chosen(self, event: FleetTable.Chosen) -> None:
        self._about(self.clock())

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        self.action_detail()

    def on_resize(self, event: events.Resize) -> None:
        self._refresh()

    # -- looking --------------------------------------------------------------------------
    def action_help(self) -> None:
        self.push_screen(Reading("keys and signs", looks.HELP))

    def action_sort(self) -> None:
        names = list(arrange.SORTS)
        self.sort = names[(names.index(self.sort) + 1) % len(names)]
        self._refresh()

    def action_filter(self) -> None:
        box = self.query_one("#words", Input)
        box.add_class("on")
        box.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input.id == "words":
            self.words = event.value
            self._refresh()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input.id == "words":
            self._leave_filter()

    def on_key(self, event: events.Key) -> None:
        box = self.query_one("#words", Input)
        if event.key == "escape" and (box.has_focus or self.words):
            box.value = self.words = ""
            self._leave_filter()
            self._refresh()

    def _leave_filter(self) -> None:
        self.query_one("#words").remove_class("on")
        self.query_one(FleetTable).focus()

    def action_detail(self) -> None:
        self.query_one("#detail").toggle_class("on")
        self._about(self.clock())

    def action_again(self) -> None:
        self.source.hurry()

    # -- steering -------------------------------------------------------------------------
    def action_hold(self, policy: str) -> None:
        if row := self._steered():
            self._confirm(orders.hold(policy, row.bottle))

    def action_lift(self) -> None:
        row = self._steered()
        if row is not None and row.held is None:
            self.notify(f"nothing holds {row.bottle} back", markup=False)
        elif row is not None and row.held is not None:
            self._confirm(orders.lift(row.held.policy, row.bottle))

    def action_budget(self) -> None:
        row = self._steered()
        if row is None:
            return
        if not row.budgets:
            self.notify(f"no budget governs {row.bottle}: bb budget set SCOPE …", markup=False)
            return

        def chosen(answer: object) -> None:
            if isinstance(answer, tuple):
                found, amount = answer
                self._confirm(orders.budget(found.scope, found.provider, amount))

        self.push_screen(Amount(row.bottle, row.budgets), chosen)

    def action_proposals(self) -> None:
        if not self.fleet.proposals:
            self.notify("no proposal waits", markup=False)
            return

        def chosen(answer: Order | None) -> None:
            if answer is not None and self._may():
                self._confirm(answer)

        self.push_screen(Proposals(self.fleet.proposals, self.clock()), chosen)

    def _steered(self) -> Row | None:
        """The chosen bottle, when it may be steered."""
        return self._chosen() if self._may() else None

    def _may(self) -> bool:
        if self.runner is None:
            self.notify("read-only: started with --read-only", severity="warning", markup=False)
        return self.runner is not None

    def _confirm(self, order: Order) -> None:
        def answered(reason: str | None) -> None:
            if reason is not None:
                self._carry_out(order, reason)

        self.push_screen(Confirm(order), answered)

    @work(thread=True, group="orders")
    def _carry_out(self, order: Order, reason: str) -> None:
        runner = self.runner
        if runner is None:
            return
        self.call_from_thread(self.running.append, order.title)
        outcome = runner(order, reason)
        self.call_from_thread(self._done, order, outcome)

    def _done(self, order: Order, outcome: orders.Outcome) -> None:
        self.running.remove(order.title)
        self.source.hurry()
        if outcome.code == 0:
            self.notify(f"{order.title}: done", markup=False)
        else:
            said = "\n".join(text.plain(line) for line in outcome.said.splitlines())
            self.push_screen(Reading(f"{order.title}: exit {outcome.code}", said or "no output"))
        self._refresh()
