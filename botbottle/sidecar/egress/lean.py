"""Leaves out what mitmproxy has for its own development, configuration files and other modes."""

from __future__ import annotations

import sys
from types import ModuleType


def leave_out(*names: str) -> None:
    """Put empty modules in the place of these, which the sidecar never uses: using one raises
    AttributeError. Call before anything imports them."""
    for name in names:
        sys.modules.setdefault(name, ModuleType(name))
