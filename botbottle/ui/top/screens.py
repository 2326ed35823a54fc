"""Dialogs: nothing is done before its confirmation, and Escape always leaves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from botbottle.ui import asked
from botbottle.ui.top import text
from botbottle.ui.top.model import Ask, Budget
from botbottle.ui.top.orders import Order, decide

type Confirmed = str | None  # the reason, possibly empty; None: not confirmed


class Confirm(ModalScreen[Confirmed]):
    """Shows the exact command. ``y`` or the button confirms; for what cannot be undone the
    bottle's name has to be typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,n", "leave", "Cancel"),
        ("y", "confirm", "Confirm"),
    ]

    def __init__(self, order: Order) -> None:
        super().__init__()
        self.order = order

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self.order.title, classes="title", markup=False)
            yield Label(self.order.warning, markup=False)
            yield Label(f"$ {self.order.shown()}", id="command", markup=False)
            if self.order.type_name:
                yield Input(placeholder=f"type {self.order.type_name} to confirm", id="name")
            if self.order.takes_reason:
                yield Input(placeholder="reason for the audit (optional)", id="reason")
            with Horizontal(classes="buttons"):
                yield Button("Cancel (n)", id="cancel")
                yield Button("Confirm (y)", id="confirm", disabled=bool(self.order.type_name))

    def on_mount(self) -> None:
        self.query_one("#name" if self.order.type_name else "#cancel").focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Keep the shown command and the way to confirm up to date."""
        if event.input.id == "name":
            self.query_one("#confirm", Button).disabled = not self._named
        else:
            self.query_one("#command", Label).update(f"$ {self.order.shown(event.value)}")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.query_one("#confirm" if self._named else "#cancel").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "confirm":
            self.action_confirm()
        else:
            self.dismiss(None)

    @property
    def _named(self) -> bool:
        wanted = self.order.type_name
        return not wanted or self.query_one("#name", Input).value.strip() == wanted

    def action_confirm(self) -> None:
        if self._named:
            reason = self.query_one("#reason", Input).value if self.order.takes_reason else ""
            self.dismiss(reason.strip())

    def action_leave(self) -> None:
        self.dismiss(None)


class Amount(ModalScreen[tuple[Budget, str] | None]):
    """Choose one of a bottle's pools and write its new limit."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "leave", "Cancel")]

    def __init__(self, bottle: str, budgets: Sequence[Budget]) -> None:
        super().__init__()
        self.bottle = bottle
        self.budgets = tuple(budgets)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(f"budget of {self.bottle}", classes="title", markup=False)
            options = [Option(self._line(b)) for b in self.budgets]
            yield OptionList(*options, id="pools", markup=False)
            yield Input(placeholder="new limit: 5M, 200k, 5M/day", id="amount")
            yield Label("Enter goes on to the confirmation, Escape leaves.", markup=False)

    @staticmethod
    def _line(found: Budget) -> str:
        window = f"/{found.window}" if found.window else ""
        return f"{found.scope} {found.provider} {found.spent:,} of {found.limit:,}{window}"

    def on_mount(self) -> None:
        pools = self.query_one("#pools", OptionList)
        pools.highlighted = 0
        (pools if len(self.budgets) > 1 else self.query_one("#amount")).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.query_one("#amount").focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        chosen = self.query_one("#pools", OptionList).highlighted
        if event.value.strip() and chosen is not None:
            self.dismiss((self.budgets[chosen], event.value.strip()))

    def action_leave(self) -> None:
        self.dismiss(None)


class Proposals(ModalScreen[Order | None]):
    """Pending proposals; ``a`` approves, ``x`` rejects the highlighted one (after a
    confirmation by the app)."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q", "leave", "Back"),
        ("a", "decide(True)", "Approve"),
        ("x", "decide(False)", "Reject"),
    ]

    def __init__(self, asks: Sequence[Ask], now: float) -> None:
        super().__init__()
        self.asks = tuple(asks)
        self.now = now

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog tall"):
            yield Label(f"{len(self.asks)} proposals wait", classes="title", markup=False)
            yield OptionList(*(Option(self._line(a)) for a in self.asks), markup=False)
            yield Label("a approves, x rejects, Escape leaves.", markup=False)

    def _line(self, found: Ask) -> str:
        left = text.span(found.expires_at - self.now)
        head = f"{found.bottle}  {found.kind}  {left} left  {found.id}"
        said = (head, *asked.of_text(found.payload), found.justification)
        return "\n".join(text.plain(t) for t in said if t)

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()
        self.query_one(OptionList).highlighted = 0

    def action_decide(self, approve: bool) -> None:
        place = self.query_one(OptionList).highlighted
        if place is not None:
            found = self.asks[place]
            self.dismiss(decide(found.id, found.bottle, approve))

    def action_leave(self) -> None:
        self.dismiss(None)


class Reading(ModalScreen[None]):
    """A text to read: the help, or what a failed command said."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter,question_mark", "leave", "Back")]

    def __init__(self, title: str, body: str) -> None:
        super().__init__()
        self.heading = title
        self.body = body

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog tall"):
            yield Label(self.heading, classes="title", markup=False)
            yield Static(self.body, markup=False)

    def action_leave(self) -> None:
        self.dismiss(None)
