"""Host folders that are copied into an agent, and why one cannot be. Imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path

from botbottle.model.bottle import Declared


def unfit(root: str, named: str) -> str:
    """Why a workspace cannot be copied from the project at ``root`` (empty: home, which is none),
    or an empty text."""
    if not root:
        return f"{named} is a folder of a project, and there is none here"
    path = os.path.normpath(f"{root}/{named}")
    if os.path.realpath(path) != path:
        return f"{named} is, or leads through, a symbolic link, which is not followed"
    return "" if Path(path).is_dir() else f"the project has no folder {named}"


def lacking(skills: Path, declared: Declared) -> dict[str, str]:
    """Folders of declared skills and workspaces that cannot be copied, and why: known before
    anything goes that they are copied into the successor of. A skill is the user's own and may be
    a link."""
    found = {}
    for name in sorted({s for b in declared.bottles for s in b.skills}):
        if not (path := skills / name).is_dir():
            found[str(path)] = f"the skill {name} is no directory at {path}"
    root = declared.project.root
    for named in sorted({b.workspace for b in declared.bottles if b.workspace}):
        if why := unfit(root, named):
            found[f"{root}/{named}"] = f"workspace: {why}"
    return found
