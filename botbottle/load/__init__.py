"""Files → what they declare.

``load`` reads everything and reports everything; ``load_one`` reads one agent and its chain;
``names`` and ``find_project`` only look at folders and import nothing heavy (the rest of this
module's names are imported when they are first used).
"""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import TYPE_CHECKING, Any

from botbottle.load.layers import Layers, find_project, layers, names

if TYPE_CHECKING:
    from botbottle.load.effective import Overrides
    from botbottle.load.env import EnvValues, read_env_file, resolve_env
    from botbottle.load.explaining import Explained, explain, explain_bottle
    from botbottle.load.loader import Loaded, load, load_one

_LAZY = {
    "EnvValues": "env",
    "Explained": "explaining",
    "Loaded": "loader",
    "Overrides": "effective",
    "explain": "explaining",
    "explain_bottle": "explaining",
    "load": "loader",
    "load_one": "loader",
    "read_env_file": "env",
    "resolve_env": "env",
}

__all__ = [
    "EnvValues",
    "Explained",
    "Layers",
    "Loaded",
    "Overrides",
    "explain",
    "explain_bottle",
    "find_project",
    "import_pydantic",
    "layers",
    "load",
    "load_one",
    "names",
    "read_env_file",
    "resolve_env",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(name)
    if _LAZY[name] != "env":
        import_pydantic()
    return getattr(importlib.import_module(f"botbottle.load.{_LAZY[name]}"), name)


def import_pydantic() -> None:
    """With the standard library's ``deprecated`` in the place of that of typing_extensions, which
    imports all of asyncio: a tenth of what reading manifests takes."""
    own = getattr(warnings, "deprecated", None)  # new in Python 3.13
    if own is None or "pydantic" in sys.modules:
        return
    words = vars(importlib.import_module("typing_extensions"))
    theirs = words["deprecated"]
    words["deprecated"] = own
    try:
        importlib.import_module("pydantic.main")
    finally:
        words["deprecated"] = theirs
