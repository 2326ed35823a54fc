"""The dashboard under a pilot: no key changes anything unconfirmed."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

pytest.importorskip("textual", reason="the extra botbottle[top] is not installed")
from textual.pilot import Pilot
from textual.widgets import Button, Input

from botbottle.ui.top.app import Top
from botbottle.ui.top.screens import Confirm, Proposals, Reading
from tests.top.driving import drive, screen
from tests.top.fakes import FakeSource, Notebook, small


@pytest.mark.parametrize(("key", "verb"), [("c", "cutoff"), ("f", "freeze")])
def test_a_hold_is_carried_out_only_when_confirmed(key: str, verb: str) -> None:
    notes = Notebook()
    source = FakeSource()

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        for leave in ("escape", "n", "enter"):  # Enter presses what has the focus: Cancel
            await pilot.press(key)
            assert isinstance(app.screen, Confirm)
            assert f"$ bb {verb} api" in screen(app)
            await pilot.press(leave)
            assert not isinstance(app.screen, Confirm)
        await app.workers.wait_for_complete()
        assert notes.done == []
        await pilot.press(key, "y")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert source.hurries == 1

    drive(steps, source=source, runner=notes)
    assert notes.done == [(verb, "--", "api")]


def test_a_kill_needs_the_name_typed() -> None:
    notes = Notebook()

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("k", *"ap", "enter")
        assert isinstance(app.screen, Confirm), "a wrong name leaves the dialog open"
        assert app.screen.query_one("#confirm", Button).disabled
        app.screen.action_confirm()
        await pilot.pause()
        assert isinstance(app.screen, Confirm) and notes.done == []
        await pilot.press("escape", "k", *"api", "enter", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()

    drive(steps, runner=notes)
    assert notes.done == [("kill", "--", "api")]


def test_a_reason_goes_into_the_command_and_is_never_an_option() -> None:
    notes = Notebook()

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("c", "shift+tab")
        app.screen.query_one("#reason", Input).focus()
        await pilot.press(*"--all", "enter", "enter")
        await app.workers.wait_for_complete()
        await pilot.pause()

    drive(steps, runner=notes)
    assert notes.done == [("cutoff", "--reason=--all", "--", "api")]


def test_resume_is_offered_only_for_what_is_held() -> None:
    notes = Notebook()

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("r")
        assert not isinstance(app.screen, Confirm)
        await pilot.press("down", "r", "y")
        await app.workers.wait_for_complete()
        await pilot.pause()

    drive(steps, runner=notes)
    assert notes.done == [("release", "--", "docs")]


def test_a_budget_is_written_confirmed_and_set() -> None:
    notes = Notebook()

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("b", *"2M/day", "enter")
        assert "bb budget set agent:proj-1/x claude 2M/day" in screen(app)
        await pilot.press("y")
        await app.workers.wait_for_complete()
        await pilot.pause()

    drive(steps, runner=notes)
    assert notes.done == [("budget", "set", "--", "agent:proj-1/x", "claude", "2M/day")]


@pytest.mark.parametrize(("key", "verb"), [("a", "approve"), ("x", "reject")])
def test_a_proposal_is_decided_after_a_confirmation(key: str, verb: str) -> None:
    notes = Notebook()

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("p")
        assert isinstance(app.screen, Proposals) and "needs a package" in screen(app)
        await pilot.press(key)
        assert isinstance(app.screen, Confirm) and notes.done == []
        await pilot.press("y")
        await app.workers.wait_for_complete()
        await pilot.pause()

    drive(steps, runner=notes)
    assert notes.done == [("proposals", verb, "--", "abc123")]


def test_what_a_failed_command_said_is_shown() -> None:
    notes = Notebook(7, "error BB7000: no\x1b[2J[/b]")

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("c", "y")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert isinstance(app.screen, Reading)
        assert "exit 7" in screen(app) and "BB7000: no·[2J[/b]" in screen(app)

    drive(steps, runner=notes)


def test_read_only_refuses_every_key_that_changes_something() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("down")  # a held bottle, so that resume would apply
        for key in "cfkrb":
            await pilot.press(key)
            assert not isinstance(app.screen, Confirm), key
            assert len(app.screen_stack) == 1, key
        await pilot.press("p", "a")
        assert len(app.screen_stack) == 1
        await app.workers.wait_for_complete()

    drive(steps, runner=None)


def test_all_that_an_approval_covers_is_shown_in_the_list_of_proposals() -> None:
    fleet = small()
    findings = [{"rule": f"rule.{n}", "location": "a" * 60} for n in range(10)]
    payload = json.dumps({"findings": findings, "host": "collect.example"}, sort_keys=True)
    asks = tuple(replace(a, payload=payload) for a in fleet.proposals)

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("p")
        shown = screen(app)
        assert "host: collect.example" in shown
        assert all(f"findings {n + 1} of 10: rule rule.{n}," in shown for n in range(10))

    drive(steps, source=FakeSource(replace(fleet, proposals=asks)), size=(120, 60))
