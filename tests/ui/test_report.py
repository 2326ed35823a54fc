"""The report is one well-formed page that loads, runs and leaks nothing."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from botbottle.ui.chart import MOST, Bars, stacked
from botbottle.ui.report import Budget, Line, Report, Spent, render

EVIL = "<script>alert(1)</script>\"'&<img src=http://evil.example/x onerror=alert(1)>\u202e\x1b[31m"
VOID = {"meta", "img", "br"}
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-headless-shell"))), None)


def report(name: str = "web", **more: object) -> Report:
    return Report(
        "proj-1",
        0.0,
        86400.0 * 3,
        usage=(
            Spent(name, "claude", "1970-01-01", 1000, 3),
            Spent(name, "claude", "1970-01-02", 3000, 5),
            Spent("api", "codex", "1970-01-02", 500, 1),
        ),
        budgets=(Budget(f"agent:proj-1/{name}", "claude", "day", 4000, 5000),),
        denials=(Line(60.0, name, "no-route", "GET a.example /"),),
        findings=(Line(61.0, name, "secret", "anthropic-key"),),
        audit=(Line(62.0, name, "enforce cutoff", "by bb"),),
        **more,  # type: ignore[arg-type]
    )


class Page(HTMLParser):
    """Elements, attributes and text; every element that opens must close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"left open: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(k, v or "") for k, v in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(k, v or "") for k, v in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def test_everything_asked_for_is_on_the_page() -> None:
    page = Page(render(report()))
    for word in (
        "4,500 tokens in 9 requests",
        "agent:proj-1/web",
        "80 %",
        "no-route",
        "anthropic-key",
        "enforce cutoff",
        "chain of the audit record is whole",
    ):
        assert word in page.text, word
    assert page.tags.count("svg") == 2


def test_the_page_loads_and_runs_nothing() -> None:
    page = Page(render(report(EVIL)))
    assert not {"script", "img", "link", "iframe", "object", "form", "a"} & set(page.tags)
    names = [k for k, _ in page.attributes]
    assert not [n for n in names if n.startswith("on") or n in ("src", "href", "srcset")]
    values = [v for k, v in page.attributes if k != "xmlns"]
    assert not [v for v in values if "http:" in v or "https:" in v or "url(" in v]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_what_agents_wrote_is_shown_as_text() -> None:
    text = render(report(EVIL))
    page = Page(text)
    assert "<script>alert(1)</script>" in page.text, "shown, not run"
    assert "\u202e" not in text and "\x1b" not in text and "\\u202e" in text


def test_a_changed_audit_record_is_said() -> None:
    text = Page(render(report(audit_problem="row 3 was changed"))).text
    assert "row 3 was changed" in text and "is whole" not in text


def test_an_empty_report_says_so() -> None:
    text = Page(render(Report("p", 0.0, 1.0))).text
    assert "No usage" in text and "No budget" in text and text.count("None in this time") == 3


@pytest.mark.parametrize(("spent", "style", "width"), [(0, "fine", 0), (4000, "near", 80),
                                                       (9000, "out", 100)])  # fmt: skip
def test_a_meter_never_leaves_its_frame(spent: int, style: str, width: int) -> None:
    pool = Budget("global", "claude", "", spent, 5000)
    text = render(Report("p", 0.0, 1.0, budgets=(pool,)))
    assert f'<div class="{style}" style="width:{width}%">' in text


def test_a_list_that_was_cut_says_so() -> None:
    lines = (Line(1.0, "web", "x"),) * 3
    assert "newest 3 are shown" in Page(render(Report("p", 0, 1, denials=lines, cut=3))).text
    assert "are shown" not in Page(render(Report("p", 0, 1, denials=lines, cut=4))).text


def bars(series: int, days: int = 40) -> Bars:
    labels = tuple(f"1970-01-{d:02}" for d in range(1, days + 1))
    return Bars("t", labels, tuple((f"s{i}", (series - i,) * days) for i in range(series)))


@pytest.mark.parametrize("series", [0, 1, MOST, MOST + 5])
def test_charts_are_well_formed_and_stay_inside(series: int) -> None:
    root = ElementTree.fromstring(stacked(bars(series)))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for rect in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, w, h = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
        assert x >= 0 and y >= 0 and w >= 0 and h >= 0
        assert x + w <= width and y + h <= height


def test_many_series_are_folded_into_one() -> None:
    text = stacked(bars(MOST + 5))
    assert "5 others" in text and f"{MOST + 2}. " not in text


def test_bars_are_as_tall_as_their_values() -> None:
    root = ElementTree.fromstring(
        stacked(Bars("t", ("1970-01-01", "1970-01-02"), (("a", (100, 50)),)))
    )
    rects = [r for r in root.iter("{http://www.w3.org/2000/svg}rect") if len(r)]
    tall, low = (float(r.attrib["height"]) for r in rects)
    assert abs(tall - 2 * low) < 0.05


@pytest.mark.skipif(BROWSER is None, reason="no chromium here (scripts/browser installs one)")
def test_a_real_browser_shows_it(tmp_path: Path) -> None:
    """Chromium's own services stay off: it is to open one file and nothing else."""
    file = tmp_path / "report.html"
    file.write_text(render(report(EVIL)))
    done = subprocess.run(
        [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", f"--user-data-dir={tmp_path}/profile",
         "--virtual-time-budget=2000", "--dump-dom", file.as_uri()],
        check=False, text=True, capture_output=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-500:]
    assert "4,500 tokens" in done.stdout and "<rect" in done.stdout
    assert "<script>" not in done.stdout
