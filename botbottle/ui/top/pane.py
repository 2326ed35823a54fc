"""The detail pane's text. Pure; agents' texts pass ``text.plain``."""

from __future__ import annotations

from botbottle.ui import asked
from botbottle.ui.top import text
from botbottle.ui.top.arrange import symbol
from botbottle.ui.top.model import Ask, Budget, Detail, Refused, Request, Row

CHART = 4  # lines


def describe(row: Row, detail: Detail, asks: list[Ask], now: float, width: int) -> str:
    """Everything about one bottle, at most ``width`` characters a line."""
    lines = [
        f"{symbol(row.state)} {row.bottle}: {row.state}   agent {row.agent_state}, "
        f"sidecar {row.sidecar}, declared {row.declared}",
        *_held(row),
        *([f"  ! {detail.problem}"] if detail.problem else []),
        *_section("budgets", [_budget(b) for b in row.budgets]),
        *_chart("tokens by minute, last hour", detail.minutes),
        *_chart("tokens by hour, last day", detail.hours),
        *_section("proposals (p decides)", [_ask(a, now) for a in asks]),
        *_section("drift (bb plan shows fields)", list(row.drift)),
        *_section("refused", [_refused(d) for d in detail.denials]),
        *_section("routes", list(detail.routes)),
        *_section("requests", [_request(r) for r in detail.requests]),
        *_section("audit", [f"{text.clock(e.at)} {e.action} {e.text}" for e in detail.audit]),
    ]
    return "\n".join(text.plain(line, width) for line in lines)


def _held(row: Row) -> list[str]:
    if row.held is None:
        return []
    return [f"  held ({row.held.policy}): {row.held.reason}", f"  way out: {row.held.way_out}"]


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _chart(title: str, values: tuple[int, ...]) -> list[str]:
    if not any(values):
        return []
    head = f"{title}: {text.tokens(sum(values))}, highest {text.tokens(max(values))}"
    return [
        "",
        head,
        *(f"  {line}" for line in text.columns(values, CHART)),
        "  " + "─" * len(values),
    ]


def _budget(found: Budget) -> str:
    window = f" per {found.window}" if found.window else ""
    reserved = f", {text.tokens(found.reserved)} reserved" if found.reserved else ""
    end = f", used up in {text.span(found.exhausted_in)}" if found.exhausted_in else ""
    again = f", new window in {text.span(found.resets_in)}" if found.resets_in else ""
    who = ", set by an operator" if found.override else ""
    return (
        f"{text.meter(found.share, 10)} {found.scope} {found.provider} "
        f"{found.spent:,} / {found.limit:,}{window}{reserved}{end}{again}{who}"
    )


def _ask(found: Ask, now: float) -> str:
    why = f"  because: {found.justification}" if found.justification else ""
    what = "  ".join(asked.of_text(found.payload))
    return f"{found.id} {found.kind} {text.span(found.expires_at - now)} left {what}{why}"


def _refused(found: Refused) -> str:
    return f"{text.clock(found.at)} {found.code} {found.request}  {found.reason}"


def _request(found: Request) -> str:
    note = "" if found.completeness == "final" else f"  {found.completeness}"
    return f"{text.clock(found.at)} {found.model or '?'} {found.counted:,} tokens{note}"
