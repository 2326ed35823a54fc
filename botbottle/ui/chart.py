"""Stacked bars as inline SVG: readable without colour (a legend in order, titles on bars). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from msgspec import Struct

from botbottle.budget.limits import format_tokens

# Okabe and Ito's palette, told apart with every common colour blindness.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
OTHERS = "#8a939c"
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 180, 60, 24  # user units
MOST = len(COLOURS)  # series drawn apart; the rest are one


type Series = tuple[str, tuple[int, ...]]


class Bars(Struct, frozen=True):
    """``series``: (name, one value for each label), the largest first."""

    title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]


def stacked(bars: Bars) -> str:
    """An ``<svg>`` element; every text in it is escaped."""
    series = folded(bars.series)
    count = len(bars.labels)
    top = max((sum(v[i] for _, v in series) for i in range(count)), default=0) or 1
    legend = HEIGHT + BOTTOM + 8
    height = legend + 18 * ((len(series) + 2) // 3)
    inner = "".join((*_axis(top), *_columns(bars.labels, series, top), *_legend(series, legend)))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'font-family="system-ui,sans-serif" font-size="11"><title>{escape(bars.title)}</title>'
        f"{inner}</svg>"
    )


def folded(series: tuple[Series, ...]) -> list[Series]:
    """At most MOST series and one named ``others``."""
    if len(series) <= MOST:
        return list(series)
    rest = [values for _, values in series[MOST:]]
    others = tuple(sum(column) for column in zip(*rest, strict=True))
    return [*series[:MOST], (f"{len(rest)} others", others)]


def _colour(number: int) -> str:
    return COLOURS[number] if number < MOST else OTHERS


def _axis(top: int) -> Iterator[str]:
    for part in (0, 1, 2):
        y = HEIGHT - part * (HEIGHT - 10) / 2
        line = f'x1="{LEFT}" y1="{y:g}" x2="{WIDTH}" y2="{y:g}" stroke="#8a939c" stroke-width=".5"'
        amount = format_tokens(top * part // 2)
        yield f'<line {line}/><text x="{LEFT - 6}" y="{y + 4:g}" text-anchor="end">{amount}</text>'


def _columns(labels: tuple[str, ...], series: list[Series], top: int) -> Iterator[str]:
    step = (WIDTH - LEFT) / max(len(labels), 1)
    every = -(-len(labels) // 12)
    for i, label in enumerate(labels):
        x, y = LEFT + i * step + step * 0.1, float(HEIGHT)
        width = min(step * 0.8, 60)
        for number, (name, values) in enumerate(series):
            tall = values[i] * (HEIGHT - 10) / top
            if tall > 0:
                y -= tall
                tip = escape(f"{label} {name}: {values[i]:,}")
                yield (
                    f'<rect x="{x:.1f}" y="{y:.2f}" width="{width:.1f}" height="{tall:.2f}" '
                    f'fill="{_colour(number)}"><title>{tip}</title></rect>'
                )
        if i % every == 0:
            yield f'<text x="{x:.1f}" y="{HEIGHT + 15}">{escape(label[5:])}</text>'


def _legend(series: list[Series], top: int) -> Iterator[str]:
    for number, (name, values) in enumerate(series):
        x, y = LEFT + number % 3 * 220, top + number // 3 * 18
        yield f'<rect x="{x}" y="{y}" width="10" height="10" fill="{_colour(number)}"/>'
        text = escape(f"{number + 1}. {name[:24]}: {format_tokens(sum(values))}")
        yield f'<text x="{x + 15}" y="{y + 9}">{text}</text>'
