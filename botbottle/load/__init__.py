"""Files → what they declare.

``load`` reads everything and reports everything; ``load_one`` reads one agent and its chain;
``names`` and ``find_project`` only look at folders and import nothing heavy (the rest of this
module's names are imported when they are first used).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from botbottle.load.layers import Layers, find_project, layers, names

if TYPE_CHECKING:
    from botbottle.load.compose import Overrides
    from botbottle.load.loader import Loaded, load, load_one

_LAZY = {
    "Loaded": "loader",
    "Overrides": "compose",
    "load": "loader",
    "load_one": "loader",
}

__all__ = [
    "Layers",
    "Loaded",
    "Overrides",
    "find_project",
    "layers",
    "load",
    "load_one",
    "names",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"botbottle.load.{_LAZY[name]}"), name)
