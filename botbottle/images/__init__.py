"""Images: what they are made of (``recipe``), and how they come to be (``build``).

Planning needs tags only, so building is imported when something is built.
"""

from __future__ import annotations

from botbottle.images.api import ImageEngine, Progress
from botbottle.images.recipe import image_tag

__all__ = ["ensure", "image_tag"]


def ensure(
    engine: ImageEngine,
    name: str,
    progress: Progress | None = None,
    *,
    base: str = "",
    arch: str = "",
) -> str:
    """Id of the image ``name``, built with its ancestors if it is not there; see ``build``."""
    from botbottle.images import build

    return build.ensure(engine, name, progress, base=base, arch=arch)
