"""Findings about files: collected, never raised, each with its place and the way out."""

from __future__ import annotations

import enum
from typing import Literal

from msgspec import Struct

type Layer = Literal["home", "project", "settings", "default", "flag", "template"]


class Origin(Struct, frozen=True, order=True):
    """Where a value was written. ``line`` and ``column`` count from 1; 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0
    layer: Layer = "default"

    def __str__(self) -> str:
        return f"{self.layer}:{self.file}:{self.line}" if self.file else self.layer


class Severity(enum.StrEnum):
    """How bad a finding is: an error refuses, a warning is shown."""

    ERROR = "error"
    WARNING = "warning"


class Diagnostic(Struct, frozen=True):
    """One finding: stable ``code`` (BB2xxx), one sentence, place, offending line, way out.

    ``related`` holds further places with a word on each (both sides of a conflict, every hop
    of a chain).
    """

    severity: Severity
    code: str
    message: str
    origin: Origin
    snippet: str = ""
    hint: str = ""
    related: tuple[tuple[Origin, str], ...] = ()
