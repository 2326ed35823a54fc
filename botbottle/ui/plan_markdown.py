"""The plan as a pull-request comment: summary first, details folded, nothing secret."""

from __future__ import annotations

from botbottle.model.plan import Plan, Reach
from botbottle.ui.plan_text import render as text
from botbottle.ui.plan_text import summary


def render(plan: Plan) -> str:
    """GitHub-flavoured Markdown with the digest to approve."""
    if not plan.changes:
        return f"### bb plan: nothing to do\n\n`{plan.project}` digest `{plan.digest}`\n"
    gained = [c for c in plan.reach if c.reach is Reach.WIDENS]
    lines = [f"### bb plan: `{summary(plan)}`", ""]
    if gained:
        lines += ["| bottle | gains |", "|---|---|"]
        lines += [f"| {c.bottle} | `{_cell(c.text)}` |" for c in gained]
        lines.append("")
    lines += [f"- **{n.code}** {n.bottle}: {_cell(n.message)}" for n in plan.notices]
    body = text(plan).replace("```", "` ` `")
    lines += [
        "",
        "<details><summary>Plan</summary>",
        "",
        "```text",
        body.rstrip(),
        "```",
        "",
        "</details>",
        "",
    ]
    needs = f" --allow {','.join(plan.needs)}" if plan.needs else ""
    lines += [f"Approve: `bb apply --approve {plan.digest}{needs}`", ""]
    return "\n".join(lines)


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("`", "'")
