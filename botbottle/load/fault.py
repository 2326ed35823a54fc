"""The one exception inside the loader; it becomes a Diagnostic before it leaves."""

from __future__ import annotations


class Fault(Exception):
    """A file cannot be read further. ``line`` and ``column`` count from 1 in the whole file."""

    def __init__(
        self, code: str, message: str, line: int = 0, column: int = 0, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint
