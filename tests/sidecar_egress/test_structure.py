"""The package has no circle of imports, not even one that only a type checker sees."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter

from tests.sidecar_egress.rig import ROOT

PACKAGE = "botbottle.sidecar.egress"
FOLDER = ROOT / PACKAGE.replace(".", "/")


def imports_of(source: str) -> set[str]:
    """Modules of the package that a module imports, wherever in its text."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE}."):
            found.add(str(node.module).removeprefix(f"{PACKAGE}."))
    return found


def test_modules_can_be_read_from_the_leaves_up() -> None:
    graph = {path.stem: imports_of(path.read_text()) for path in FOLDER.glob("*.py")}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert len(order) > 40
    assert order.index("ports") < order.index("pipeline") < order.index("sidecar")
