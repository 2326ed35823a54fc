"""Where pictures come from, as the app sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from botbottle.ui.top.model import Detail, Fleet


class Source(Protocol):
    """Gives pictures of the fleet from threads of its own; nothing here blocks for long except
    ``detail``, which the app calls in a worker."""

    def start(self, publish: Callable[[Fleet], None]) -> None:
        """Begin; ``publish`` is called from any thread whenever the picture changed."""

    def hurry(self) -> None:
        """Look again as soon as possible: an order has just been carried out."""

    def detail(self, bottle: str) -> Detail:
        """One bottle closely. Failures are told in ``Detail.problem``."""

    def stop(self) -> None:
        """End the threads."""
