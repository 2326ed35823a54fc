"""Logins that the sidecar owns (the scheme ``login``): renewed in time, never shown to the agent.

One renewal at a time for a login, shared by all requests that wait for it. A login is renewed
shortly before its end, and after the provider answered 401, at most once in RETRY seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from botbottle.providers import login
from botbottle.sidecar.egress.asking import Answer, NoAnswer, Question
from botbottle.sidecar.egress.refresh import Endpoint, NotRenewed, question, renewed
from botbottle.sidecar.egress.sealed import Sealed

EARLY = 300.0  # seconds before its end at which a login is renewed
RETRY = 60.0  # seconds between two attempts for one login
SECONDS = 20.0  # for one attempt

type Ask = Callable[[Endpoint, Question], Awaitable[Answer]]


@dataclass(slots=True)
class _Owned:
    delivered: str = field(repr=False)
    text: str = field(repr=False)
    former: tuple[str, ...] = field(default=(), repr=False)  # the last texts before
    tried: float = float("-inf")  # monotonic
    doubted: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Logins:
    """All owned logins of one sidecar. ``changed`` is called after each renewal."""

    def __init__(self, sealed: Sealed, ask: Ask, changed: Callable[[], None]) -> None:
        self._sealed, self._ask, self._changed = sealed, ask, changed
        self._owned: dict[str, _Owned] = {}

    def following(self, texts: Mapping[str, str]) -> Logins:
        """The logins after a delivery. What was renewed since the same delivery stays."""
        after = Logins(self._sealed, self._ask, self._changed)
        for name, text in texts.items():
            kept = self._owned.get(name)
            if kept is None or kept.delivered != text:
                kept = _Owned(text, self._sealed.kept(text) or text)
            after._owned[name] = kept
        return after

    def text(self, name: str) -> str:
        """The login as it is now, or '' when it was not delivered."""
        kept = self._owned.get(name)
        return kept.text if kept else ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Every text of a login that may still be of use to somebody: now, before, delivered."""
        kept = self._owned.get(name)
        return (kept.text, *kept.former, kept.delivered) if kept else ()

    def doubt(self, name: str) -> None:
        """The provider answered 401: the next request renews the login first."""
        if (kept := self._owned.get(name)) is not None:
            kept.doubted = True

    async def ready(self, name: str) -> str:
        """Renew a login when it is time; '' when it can be used, else why not."""
        kept = self._owned.get(name)
        if kept is None:
            return "it has not been delivered"
        problem = ""
        if kept.lock.locked() or _due(kept):
            async with kept.lock:
                if _due(kept):  # nobody renewed it while this one waited
                    problem = await self._renew(kept)
        return "" if _usable(kept) else problem or "it has expired"

    async def _renew(self, kept: _Owned) -> str:
        """Why it was not renewed, or ''."""
        kept.tried = time.monotonic()
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._ask(*question(kept.text))
            fresh = renewed(kept.text, answer.status, answer.body, time.time())
        except (NotRenewed, NoAnswer, OSError) as error:  # TimeoutError is an OSError
            return f"it could not be renewed ({error or type(error).__name__})"
        kept.former = (kept.text, *kept.former)[:2]
        kept.text, kept.doubted = fresh, False
        self._changed()
        try:
            self._sealed.keep(kept.delivered, fresh)
        except OSError:
            return "it was renewed but cannot be kept over a restart"
        return ""


def _usable(kept: _Owned) -> bool:
    found = login.read(kept.text)
    return found is not None and not found.expired(time.time())


def _due(kept: _Owned) -> bool:
    found = login.read(kept.text)
    if found is None or not found.refresh or time.monotonic() - kept.tried < RETRY:
        return False
    return kept.doubted or found.expired(time.time() + EARLY)
