"""A mypy plugin: the names and types given to ``msgspec.structs.replace`` are checked.

msgspec declares them as ``Any``. mypy makes for every record what it needs to check
``dataclasses.replace`` (PEP 681), so the same check serves here.
"""

from __future__ import annotations

from collections.abc import Callable

from mypy.plugin import FunctionSigContext, Plugin
from mypy.plugins.dataclasses import replace_function_sig_callback
from mypy.types import FunctionLike


class Records(Plugin):
    """The hook that mypy asks for each function that is called."""

    def get_function_signature_hook(
        self, fullname: str
    ) -> Callable[[FunctionSigContext], FunctionLike] | None:
        """See ``mypy.plugin``."""
        return replace_function_sig_callback if fullname == "msgspec.structs.replace" else None


def plugin(_version: str) -> type[Plugin]:
    """What mypy asks a plugin for."""
    return Records
