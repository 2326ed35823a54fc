"""The plan as a pull-request comment: summary first, details folded, nothing secret."""

from __future__ import annotations

from html import escape

from botbottle.approval import blocking
from botbottle.model.diagnostic import Origin
from botbottle.model.plan import Plan, Reach
from botbottle.ui.plan_text import render as text
from botbottle.ui.plan_text import summary
from botbottle.ui.visible import visible

LONGEST = 50_000  # characters of the folded plan; a comment on GitHub holds 65,536


def render(plan: Plan) -> str:
    """GitHub-flavoured Markdown with the digest to approve."""
    if not plan.changes:
        return "\n".join(_nothing(plan)) + "\n"
    gained = [c for c in plan.reach if c.reach is Reach.WIDENS]
    lines = [f"### bb plan: `{summary(plan)}`", ""]
    if gained:
        lines += ["| bottle | gains |", "|---|---|"]
        lines += [f"| {c.bottle} | `{_cell(c.text)}` |" for c in gained]
        lines.append("")
    lines += [*_notices(plan), *_details(plan), ""]
    # The digest stands for this very plan with all that it needs: no --allow beside it.
    covers = f" (covers: {', '.join(plan.needs)})" if plan.needs else ""
    lines += [f"Approve: `bb apply --approve {plan.digest}`{covers}", ""]
    return "\n".join(lines)


def _nothing(plan: Plan) -> list[str]:
    """Also then there may be something to know: what is held, a lost ledger, a stranger."""
    word = "nothing can be done yet" if blocking(plan) else "nothing to do"
    lines = [f"### bb plan: {word}", "", f"`{plan.project}` digest `{plan.digest}`"]
    if plan.notices:
        lines += ["", *_notices(plan)]
    return [*lines, *_details(plan)] if plan.notices or plan.held else lines


def _notices(plan: Plan) -> list[str]:
    return [
        f"- **{n.code}** {n.bottle}: {_words(n.message)}{_place(n.origin)}" for n in plan.notices
    ]


def _place(origin: Origin | None) -> str:
    return f" (`{_cell(str(origin))}`)" if origin else ""


def _details(plan: Plan) -> list[str]:
    body = _fitting(text(plan).replace("```", "` ` `")).rstrip()
    head = ["", "<details><summary>Plan</summary>", "", "```text"]
    return [*head, body, "```", "", "</details>"]


def _fitting(body: str) -> str:
    """Whole lines only, and an honest word about the rest."""
    if len(body) <= LONGEST:
        return body
    kept = body[:LONGEST].rpartition("\n")[0]
    left = body.count("\n") - kept.count("\n") - 1
    return f"{kept}\n… {left} more lines: bb plan\n"


def _cell(value: str) -> str:
    return visible(value).replace("|", "\\|").replace("`", "'")


def _words(value: str) -> str:
    """Outside code: neither HTML, which could hide what follows, nor a link."""
    return escape(_cell(value), quote=False).replace("[", "\\[")
