"""The agent's workspace is copied once, into a volume that has no work in it yet.

A replaced agent goes on where the old one was, so nothing is copied over what that wrote. Only when
the manifest names another folder is that copied, and as files of the bottle may be overwritten by
it, it is asked for (BB322).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from botbottle.model import labels
from botbottle.model.plan import Notice
from botbottle.planner.draft import Draft
from botbottle.planner.specs import FOLDER
from botbottle.planner.wanted import Wanted
from botbottle.providers import WORKSPACE

type Trees = tuple[tuple[str, str], ...]  # (host path, container path)


def trees(draft: Draft, want: Wanted) -> Trees:
    """What is copied into an agent that is made now, or was made and never ran."""
    name, folder = want.spec.name, want.spec.workspace
    rest = tuple(tree for tree in want.trees if tree[1] != WORKSPACE)
    if rest == want.trees or want.names.workspace not in draft.index.volume_names:
        return want.trees
    copied = _copied(draft, name)
    if folder in copied:
        return rest
    if copied or any(c.state != "created" for c in draft.mine(name, "agent")):
        has = ", ".join(copied) or "the work of an agent"
        text = f"copies {folder} over the bottle's /workspace, which has {has}"
        draft.notices.append(Notice("BB322", name, text, "destroy"))
    return want.trees


def _copied(draft: Draft, name: str) -> tuple[str, ...]:
    """What was copied into the volume, as far as it is known: by an apply that came to its end, or
    before an agent started."""
    found = {draft.facts.workspaces[name]} if name in draft.facts.workspaces else set()
    agents = (c for c in draft.mine(name, "agent") if c.state != "created")
    found |= {folder for c in agents if (folder := folder_of(c.labels))}
    return tuple(sorted(found))


def folder_of(found: Mapping[str, str]) -> str:
    """The folder that an agent's labels tell of."""
    try:
        return str(dict(json.loads(found.get(labels.SPEC, "{}"))["env"]).get(FOLDER, ""))
    except (ValueError, KeyError, TypeError):
        return ""
