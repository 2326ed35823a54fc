"""Diagnostics as text for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from botbottle.model.diagnostic import Diagnostic, Origin

type Show = Callable[[Origin], str]


def by_layer(origin: Origin) -> str:
    """``home:bottles/web.md:4:1``: short, and the same on every machine."""
    place = f":{origin.line}:{origin.column}" if origin.line else ""
    file = f":{origin.file}" if origin.file else ""
    return f"{origin.layer}{file}{place}"


def text(diagnostics: Iterable[Diagnostic], show: Show = by_layer) -> str:
    """Place, words, the quoted line with a mark, related places and the way out of each.

    ``show`` turns an origin into a place; the default does not look at the machine.
    """
    return "".join(_one(d, show) for d in diagnostics)


def _one(d: Diagnostic, show: Show) -> str:
    lines = [f"{show(d.origin)}: {d.severity} {d.code}: {d.message}"]
    if d.snippet:
        number = str(d.origin.line)
        lines.append(f"  {number} | {_quotable(d.snippet)}")
        if 0 < d.origin.column <= len(d.snippet) + 1:
            lines.append(f"  {' ' * len(number)} | {_gap(d.snippet, d.origin.column)}^")
    lines += [f"  see: {show(origin)}: {word}" for origin, word in d.related]
    if d.hint:
        lines.append(f"  fix: {d.hint}")
    return "\n".join(lines) + "\n"


def _quotable(line: str) -> str:
    """The line without what would steer a terminal, one character for another: the mark below
    it stays where it belongs."""
    return "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line)


def _gap(line: str, column: int) -> str:
    """White space as wide as the text before ``column``; tabs stay tabs."""
    return "".join("\t" if c == "\t" else " " for c in line[: column - 1])
