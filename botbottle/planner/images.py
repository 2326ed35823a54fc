"""Images: built when missing, shared by all bottles that use them."""

from __future__ import annotations

from botbottle.model.plan import EnsureImage
from botbottle.planner.draft import Draft


def plan_images(draft: Draft, recipes: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Build what is missing; shared by all bottles that use it."""
    return tuple(
        draft.add(
            EnsureImage(
                id=f"image:{recipe}",
                resource=f"image/{recipe}",
                bottle="",
                reason="missing",
                recipe=recipe,
                tag=tag,
            )
        )
        for recipe, tag in recipes
        if tag not in draft.index.image_tags
    )
