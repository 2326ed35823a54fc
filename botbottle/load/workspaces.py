"""BB2312: the folder that an agent's ``workspace`` names is one of the project, and is there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from botbottle.load.effective import Effective
from botbottle.load.layers import Layers
from botbottle.model.diagnostic import Diagnostic, Severity


def workspace_checks(layers: Layers, items: Iterable[Effective]) -> Iterable[Diagnostic]:
    """What is wrong is told before the old agent is gone. The copy looks again, step by step."""
    for item in items:
        named, state = item.keys.workspace, item.keys.state
        if not named or state == "absent":
            continue
        if layers.project is None:
            if state == "started":
                yield _error(item, "it names a folder of a project, and there is none here")
        elif why := unfit(layers.project.parent, named):
            yield _error(item, why)


def unfit(root: Path, named: str) -> str:
    """Why a folder below ``root`` cannot be copied, or an empty text."""
    path = os.path.normpath(root / named)
    if os.path.realpath(path) != path:
        return f"{named} is, or leads through, a symbolic link, which is not followed"
    return "" if Path(path).is_dir() else f"the project has no folder {named}"


def _error(item: Effective, why: str) -> Diagnostic:
    return Diagnostic(
        Severity.ERROR,
        "BB2312",
        f"workspace: {why}",
        item.agent.origin("workspace"),
        hint="name a folder of the project, relative to it",
    )
