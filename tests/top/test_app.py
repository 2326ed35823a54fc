"""The dashboard under a pilot: what it shows, and how it is moved about in."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

pytest.importorskip("textual", reason="the extra botbottle[top] is not installed")
from textual.pilot import Pilot
from textual.widgets import Input, Static

from botbottle.ui.top.app import Top
from botbottle.ui.top.screens import Confirm
from botbottle.ui.top.table import CURSOR, FleetTable
from tests.top.driving import drive, names, screen
from tests.top.fakes import FakeSource, Notebook, large, row, small


def test_each_bottle_has_a_line_that_is_readable_without_colour() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        shown = screen(app)
        lines = {
            line.lstrip(CURSOR).split()[0]: line for line in shown.splitlines() if line.strip()
        }
        assert "● running" in lines["api"]
        assert "████████▎░  83%▲" in lines["api"]
        assert "✂ cut off" in lines["docs"] and "██████████ 100%!" in lines["docs"]
        assert "! no answer" in lines["tests"] and "no limit" in lines["tests"]
        assert "41.2k/500k/d" in lines["web"] and "10h11m" in lines["web"]
        assert "read-only" in shown.splitlines()[0]

    drive(steps)


def test_news_change_the_table() -> None:
    source = FakeSource()

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        assert "● running" in screen(app)
        rows = tuple(replace(r, state="paused") for r in source.fleet.rows)
        source.publish(replace(source.fleet, rows=rows))
        await pilot.pause()
        assert "● running" not in screen(app) and "‖ paused" in screen(app)
        source.publish(replace(source.fleet, rows=(*rows, row("zeta"))))
        await pilot.pause()
        assert names(app) == ["api", "docs", "tests", "web", "zeta"]

    drive(steps, source=source)


def test_a_filter_takes_words_and_conditions_and_escape_ends_it() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"held")
        assert names(app) == ["docs"]
        await pilot.press("enter")
        assert app.focused is app.query_one(FleetTable)
        assert "1 of 4 bottles" in screen(app)
        await pilot.press("escape")
        assert names(app) == ["api", "docs", "tests", "web"]

    drive(steps)


def test_letters_in_the_filter_are_no_commands() -> None:
    notes = Notebook()

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"ckfrbq", "y")
        assert app.query_one("#words", Input).value == "ckfrbqy"
        assert not isinstance(app.screen, Confirm)

    drive(steps, runner=notes)
    assert notes.done == []


def test_s_goes_through_the_orders() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("s")
        assert (app.sort, names(app)[0]) == ("trouble", "tests")
        await pilot.press("s")
        assert (app.sort, names(app)) == ("budget", ["docs", "api", "web", "tests"])

    drive(steps)


def test_the_cursor_stays_on_its_bottle_when_lines_move() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("down")
        assert app.query_one(FleetTable).chosen == "docs"
        await pilot.press("s", "s")
        assert app.query_one(FleetTable).chosen == "docs"
        assert app.query_one(FleetTable).place == 0

    drive(steps)


def test_details_show_usage_routes_denials_and_audit() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("enter")
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = str(app.query_one("#about", Static).content)
        for part in (
            "tokens by minute, last hour: 1.77k, highest 59",
            "▁", "evil.example/x", "api.anthropic.com any method /*", "enforce cutoff  by bb",
            "1,200 tokens",
        ):  # fmt: skip
            assert part in text, part

    drive(steps)


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_every_width_shows_name_state_and_budget_and_fits(width: int) -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        lines = screen(app).splitlines()
        assert max(map(len, lines)) <= width
        shown = next(line for line in lines if line.strip().startswith("docs"))
        assert "docs" in names(app)
        assert "cut off" in shown and "100%!" in shown and "H" in shown
        assert app.query_one(FleetTable).max_scroll_x == 0
        await pilot.press("c")
        assert all(word in screen(app) for word in ("bb cutoff api", "Cancel", "Confirm"))

    drive(steps, size=(width, 24), runner=Notebook())


def test_texts_of_agents_cannot_draw_on_the_screen() -> None:
    fleet = small()
    bad = "\x1b[2J\u202e[red]x[/red][@click=app.quit]q[/]"
    asks = tuple(replace(a, payload=bad, justification=bad) for a in fleet.proposals)
    rows = tuple(replace(r, model=bad) for r in fleet.rows)

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("p")
        shown = screen(app)
        assert "\x1b" not in shown and "\u202e" not in shown
        assert "·[2J·[red]x[/red][@click=app.quit]q[/]" in shown

    drive(steps, source=FakeSource(replace(fleet, rows=rows, proposals=asks)))


def test_help_names_every_key_and_problems_are_told() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        assert "! engine: no engine answers" in screen(app)
        await pilot.press("question_mark")
        shown = screen(app)
        assert all(word in shown for word in ("cutoff", "freeze", "kill", "resume", "filter"))
        await pilot.press("escape")
        assert len(app.screen_stack) == 1

    drive(steps, source=FakeSource(replace(small(), problems=("engine: no engine answers",))))


def test_leaving_stops_the_source() -> None:
    source = FakeSource()

    async def steps(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("q")

    drive(steps, source=source)
    assert source.stopped


def test_the_cursor_is_always_on_the_screen_and_marked() -> None:
    async def steps(app: Top, pilot: Pilot[None]) -> None:
        for keys in (["end"], ["pageup"], ["home"], ["pagedown", "pagedown"], ["down"] * 3):
            await pilot.press(*keys)
            await pilot.pause()
            chosen = app.query_one(FleetTable).chosen
            assert f"{CURSOR}{chosen}" in screen(app), keys
        await pilot.press("end")
        assert app.query_one(FleetTable).chosen == "agent-099"

    drive(steps, source=FakeSource(large()), size=(100, 24))
