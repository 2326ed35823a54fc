"""The dashboard under a pilot, and what its screen shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

pytest.importorskip("textual", reason="the extra botbottle[top] is not installed")
from textual.pilot import Pilot

from botbottle.ui.top.app import Top
from botbottle.ui.top.table import CURSOR, FleetTable
from tests.top.fakes import NOW, FakeSource, Notebook

WIDE = (140, 40)


def drive(
    steps: Callable[[Top, Pilot[None]], Awaitable[None]],
    *,
    source: FakeSource | None = None,
    runner: Notebook | None = None,
    size: tuple[int, int] = WIDE,
) -> None:
    async def go() -> None:
        app = Top(source or FakeSource(), runner, lambda: NOW)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await steps(app, pilot)

    asyncio.run(go())


def screen(app: Top) -> str:
    """What a person sees, line by line."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    assert len(strips) == height
    return "\n".join(s.text.rstrip() for s in strips if s.cell_length <= width)


def names(app: Top) -> list[str]:
    """The bottles on the screen, from its first words."""
    table = app.query_one(FleetTable)
    lines = screen(app).splitlines()[table.region.y + 1 : table.region.bottom]
    return [line.replace(CURSOR, " ").split()[0] for line in lines if line.strip()]
