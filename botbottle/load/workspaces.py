"""BB2312: the folder that an agent's ``workspace`` names cannot be copied.

A warning: what was copied once is not copied again, and a folder may be missing on one branch. An
agent that it would be copied into is not made (BB802).
"""

from __future__ import annotations

from collections.abc import Iterable

from botbottle.load.effective import Effective
from botbottle.load.layers import Layers
from botbottle.load.trees import unfit
from botbottle.model.diagnostic import Diagnostic, Severity


def workspace_checks(layers: Layers, items: Iterable[Effective]) -> Iterable[Diagnostic]:
    """Of agents that run: a home agent that waits in its library is another project's."""
    for item in items:
        named, state, layer = item.keys.workspace, item.keys.state, item.agent.entry.layer
        runs = state == "started" or (state is None and layer == "project")
        if named and runs and (why := unfit(layers.project_id.root, named)):
            yield Diagnostic(
                Severity.WARNING,
                "BB2312",
                f"workspace: {why}",
                item.agent.origin("workspace"),
                hint="name a folder of the project, relative to it",
            )
