"""Images: what they are made of (``recipe``), and how they come to be (``build``)."""

from botbottle.images.build import ensure, image_labels
from botbottle.images.recipe import image_tag

__all__ = ["ensure", "image_labels", "image_tag"]
