"""What an operator sees, as pictures: text, colours and places, compared with those in pictures/.

A picture is Textual's own SVG without what differs from run to run. After a wanted change write
them anew and look at them in a browser: ``BB_WRITE_PICTURES=1 pytest tests/top/test_pictures.py``.
"""

from __future__ import annotations

import asyncio
import difflib
import os
import re
from pathlib import Path

import pytest

pytest.importorskip("textual", reason="the extra botbottle[top] is not installed")

from textual.widgets import Input

from botbottle.ui.top.app import Top
from tests.top.fakes import NOW, FakeSource, Notebook

PICTURES = Path(__file__).parent / "pictures"
WIDE, NARROW = (120, 36), (60, 24)
SCENES: dict[str, tuple[tuple[int, int], tuple[str, ...]]] = {
    "fleet": (WIDE, ()),
    "fleet-narrow": (NARROW, ()),
    "details": (WIDE, ("enter",)),
    "details-narrow": (NARROW, ("enter",)),
    "filtered": (WIDE, ("slash", *"held", "enter")),
    "kill-confirmed-by-name": (WIDE, ("k",)),
    "budget": (WIDE, ("b",)),
    "proposals": (WIDE, ("p",)),
    "help": (WIDE, ("question_mark",)),
}


def picture(size: tuple[int, int], keys: tuple[str, ...]) -> str:
    async def go() -> str:
        app = Top(FakeSource(), Notebook(), lambda: NOW)
        app.animation_level = "none"
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            for key in keys:
                await pilot.press(key)
            await app.workers.wait_for_complete()
            for field in app.screen.query(Input):
                field.cursor_blink = False  # shown, whenever this is
            await pilot.pause()
            return app.export_screenshot()

    return steady(asyncio.run(go()))


def steady(svg: str) -> str:
    """Without the picture's random id; one element a line."""
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    svg = re.sub(r"<style>.*?</style>", lambda m: styles(m[0]), svg, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in svg.replace("><", ">\n<").splitlines()) + "\n"


def styles(text: str) -> str:
    """The colours only: fonts name files on the web that no picture here needs."""
    rules = re.findall(r"\.terminal-r\d+ \{[^}]*\}", text)
    return "<style>text { font: 20px monospace }\n" + "\n".join(rules) + "</style>"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TEXTUAL_COLOR_SYSTEM", "TEXTUAL_THEME", "TEXTUAL_ANIMATIONS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("scene", SCENES)
def test_a_screen_looks_as_it_did(scene: str) -> None:
    seen, path = picture(*SCENES[scene]), PICTURES / f"{scene}.svg"
    if os.environ.get("BB_WRITE_PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        path.write_text(seen)
    kept = path.read_text()
    changed = list(difflib.unified_diff(kept.splitlines(), seen.splitlines(), "kept", "seen", n=0))
    assert not changed, "\n".join(changed[:20])


def test_two_runs_give_the_same_picture() -> None:
    assert picture(*SCENES["details"]) == picture(*SCENES["details"])


def test_a_change_of_one_colour_would_be_seen() -> None:
    """Positive control."""
    kept = (PICTURES / "fleet.svg").read_text()
    assert re.search(r"fill: #[0-9a-f]{6}", kept) and ".terminal-r1 {" in kept
    texts = re.findall(r">([^<>\n]+)</text>", kept)
    assert any("cut" in t and "off" in t for t in (t.replace("&#160;", " ") for t in texts))


@pytest.mark.parametrize("scene", SCENES)
def test_a_picture_loads_nothing(scene: str) -> None:
    assert not re.search(
        r"(url\(|href=)['\"]?(https?:|//)", (PICTURES / f"{scene}.svg").read_text()
    )
