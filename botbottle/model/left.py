"""What a project leaves behind whose folder is gone."""

from __future__ import annotations

from msgspec import Struct


class Left(Struct, frozen=True, kw_only=True):
    """``folder``: where it was; ``bottles``: names, ``running``: those whose agent or sidecar runs,
    holds credentials and spends."""

    project: str
    folder: str
    bottles: tuple[str, ...]
    running: tuple[str, ...]
