"""Bottles of projects whose folder is gone: no verb that is run in any folder would act on them."""

from __future__ import annotations

from botbottle.model import labels
from botbottle.model.left import Left
from botbottle.model.plan import Notice
from botbottle.model.resources import Observed
from botbottle.planner.facts import Facts


def left_behind(observed: Observed, facts: Facts) -> tuple[Left, ...]:
    """By project; of those that have containers of this home."""
    if not facts.lost:
        return ()
    there: dict[str, dict[str, bool]] = {}
    for found in observed.containers:
        project, name = found.labels.get(labels.PROJECT, ""), found.labels.get(labels.BOTTLE, "")
        if found.labels.get(labels.HOME) == facts.paths.home_id and project in facts.lost:
            bottles = there.setdefault(project, {})
            bottles[name] = bottles.get(name, False) or found.state in ("running", "paused")
    return tuple(
        Left(
            project=project,
            folder=facts.lost[project],
            bottles=tuple(sorted(bottles)),
            running=tuple(sorted(name for name, runs in bottles.items() if runs)),
        )
        for project, bottles in sorted(there.items())
    )


def lost_notices(observed: Observed, facts: Facts) -> tuple[Notice, ...]:
    """BB331, one a project."""
    return tuple(Notice("BB331", "", told(found)) for found in left_behind(observed, facts))


def told(found: Left) -> str:
    """What is left, and the commands that reach it."""
    some = found.running or found.bottles
    state = "run" if found.running else "are left"
    state = state if len(some) > 1 else {"run": "runs", "are left": "is left"}[state]
    return (
        f"the folder of project {found.project} is gone ({found.folder}), and {', '.join(some)} "
        f"{state}: bb kill --all --project {found.project}, bb destroy --project {found.project}"
    )
