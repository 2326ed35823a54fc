"""What building images asks of an engine; ``botbottle.engine.api.EngineWrite`` satisfies it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

type Progress = Callable[[str], None]


class ImageEngine(Protocol):
    """Four calls; see botbottle.engine.api for what each promises. A failed ``build`` raises
    ImageBuildFailed with the last lines of its output, a failed ``pull`` EngineError."""

    def image_id(self, tag: str) -> str | None: ...

    def build(
        self,
        context: bytes,
        *,
        tag: str,
        labels: Sequence[tuple[str, str]],
        buildargs: Sequence[tuple[str, str]] = (),
        progress: Progress | None = None,
    ) -> str: ...

    def import_tar(self, path: str, *, tag: str, labels: Sequence[tuple[str, str]]) -> str: ...

    def pull(self, reference: str) -> str: ...
