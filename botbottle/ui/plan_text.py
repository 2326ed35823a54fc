"""The plan for people: changed fields only, reach and budgets in view, drift on its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from botbottle.approval import blocking
from botbottle.model.plan import Action, BudgetRow, Change, FieldChange, Notice, Plan, Reach
from botbottle.ui.visible import visible

WIDTH = 72
NAMED = 4  # bottles that a budget's line names
COUNTED = (Action.CREATE, Action.START, Action.UPDATE, Action.REPLACE, Action.STOP, Action.REMOVE)
NAMES = {
    "spec-changed": "cannot change on a live container",
    "missing": "",
    "not-running": "is not running",
    "never-started": "an apply ended before it was started",
    "not-answering": "should refuse and does not answer",
    "not-configured": "",
    "not-declared": "is not declared any more",
    "state-absent": "declared absent",
    "limits-changed": "",
    "budget-changed": "",
    "config-changed": "",
    "secret-changed": "a credential has another value",
    "makes-way": "is under another container's name",
    "renamed": "is not under its own name",
    "final-name": "an apply ended before it had its own name",
    "superseded": "an apply ended before it was removed",
    "budget-exhausted": "budget used up",
    "should-not-run": "declared stopped",
    "attachments": "network attachments differ",
    "extra-copy": "a second copy exists",
    "retention-count": "more than freezes.keep",
    "retention-age": "older than freezes.max_days",
    "waits": "waits until the bottle is free",
    "resumed": "a freeze is lifted",
}


def render(plan: Plan, *, full: bool = False, given: Collection[str] = ()) -> str:
    """The plan as text, ending with a newline. ``full`` shows every field of new resources; the
    approvals that are ``given`` already are not asked for."""
    sections = [
        _changes(plan, drift=False, full=full),
        _drift(plan),
        _reach(plan),
        _budgets(plan.budgets),
        _held(plan),
        _notices(plan.notices, given),
    ]
    body = "\n".join(s for s in sections if s)
    if not plan.changes:
        head = "Nothing can be done yet.\n" if blocking(plan) else "Nothing to do.\n"
        return head + ("\n" + body if body else "")
    same = f"({plan.unchanged} unchanged, not shown)\n" if plan.unchanged else ""
    return body + ("\n" + same if same else "")


def summary(plan: Plan) -> str:
    """The counts, e.g. ``+4 ~1 ±1 -0 =6``."""
    counts = " ".join(
        f"{a.symbol}{n}"
        for a in COUNTED
        if (n := plan.count(a)) or a in (Action.CREATE, Action.UPDATE, Action.REMOVE)
    )
    held = f" !{len(plan.held)}" if plan.held else ""
    return f"{counts} ={plan.unchanged}{held}"


def last_line(verb: str, plan: Plan, exit_code: int, *, done: bool = False) -> str:
    """The stable, grep-able last line; what was ``done`` needs no approval any more."""
    needs = f"  needs --allow {','.join(plan.needs)}" if plan.needs and not done else ""
    left = f"  {plan.left_out} left out by --only" if plan.left_out else ""
    return f"bb {verb}: {summary(plan)}{needs}{left}  digest {plan.digest}  exit {exit_code}\n"


def _changes(plan: Plan, *, drift: bool, full: bool) -> str:
    by_bottle: dict[str, list[str]] = {}
    for change in plan.changes:
        if change.drift == drift:
            by_bottle.setdefault(change.bottle, []).extend(_change(change, full))
    lines = [
        line
        for bottle, found in sorted(by_bottle.items())
        for line in (f"bottle {bottle}" if bottle else "shared", *found)
    ]
    return _block(lines)


def _block(lines: Iterable[str]) -> str:
    """One line each: what a manifest of a repository says draws no line of its own."""
    return "".join(f"{visible(line)}\n" for line in lines)


def _change(change: Change, full: bool) -> list[str]:
    what = change.resource.split("/", 1)[-1]
    why = NAMES.get(change.reason, change.reason)
    head = f"  {change.action.symbol} {change.action.value} {what}"
    if why:
        head += f"  ({why})"
    if change.note:
        head += f"  {change.note}"
    show = full or change.action is not Action.CREATE
    return [head, *(_field(f) for f in change.fields if show)]


def _field(field: FieldChange) -> str:
    text = f"      {field.path}  {_short(field.old) or '(none)'} -> {_short(field.new) or '(none)'}"
    if field.origins:
        text += f"    {field.origins[0]}"
        text += f" (overrides {field.origins[1]})" if field.origins[1:] else ""
    return text


def _short(text: str) -> str:
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _drift(plan: Plan) -> str:
    body = _changes(plan, drift=True, full=False)
    return "drift (changed behind bb's back)\n" + body if body else ""


def _reach(plan: Plan) -> str:
    if not plan.reach:
        return ""
    lines = ["reach"]
    for change in plan.reach:
        sign = {Reach.WIDENS: "+", Reach.NARROWS: "-", Reach.NEUTRAL: " "}[change.reach]
        lines.append(f"  {change.bottle}  {sign} {change.text}")
    return _block(lines)


def _budgets(rows: Iterable[BudgetRow]) -> str:
    lines = [f"  {_budget(row)}" for row in rows]
    return _block(["budget", *lines]) if lines else ""


def _budget(row: BudgetRow) -> str:
    share = min(row.spent / row.limit, 1.0) if row.limit else 1.0
    window = f" per {row.window}" if row.window else ""
    text = f"{row.scope}  {row.provider}  {row.spent:,} / {row.limit:,}{window}  {share:.0%}"
    if row.spent >= row.limit:
        text += "  used up"
    elif row.exhausted_at is not None:
        text += f"  lasts until about {_moment(row.exhausted_at)} at this rate"
    if row.governs:
        text += f"  governs {_few(row.governs)}"
    return text


def _few(bottles: tuple[str, ...]) -> str:
    """The first names, and how many more there are; the JSON document has all."""
    left = len(bottles) - NAMED
    if left <= 1:  # "and 1 more" is no shorter than a name
        return ", ".join(bottles)
    return f"{', '.join(bottles[:NAMED])} and {left} more"


def _moment(epoch: float) -> str:
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M} UTC"


def _held(plan: Plan) -> str:
    lines = []
    for held in plan.held:
        lines.append(f"  {held.bottle}  {held.policy}: {held.reason}")
        lines.append(f"    way out: {held.way_out}")
    return _block(["held", *lines]) if lines else ""


def _notices(notices: Iterable[Notice], given: Collection[str]) -> str:
    lines = []
    for notice in notices:
        asks = bool(notice.needs) and notice.needs not in given
        needs = f"  (needs --allow {notice.needs})" if asks else ""
        who = f" {notice.bottle}" if notice.bottle else ""
        where = f"    {notice.origin}" if notice.origin else ""
        lines.append(f"  ! {notice.code}{who}: {notice.message}{needs}{where}")
    return _block(lines)
