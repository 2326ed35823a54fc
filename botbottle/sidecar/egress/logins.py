"""Logins that the sidecar owns (the scheme ``login``): renewed in time, never shown to the agent.

One attempt at a time for a login, under whatever names it was delivered: its refresh token works
once. An attempt is nobody's request: it goes on when all who wait for it have left, since an answer
that nobody reads is a lost login. A login is renewed shortly before its end, while it is used, and
after the provider answered 401, at most once in RETRY seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from botbottle.providers import login
from botbottle.sidecar.egress.asking import Answer, NoAnswer, Question
from botbottle.sidecar.egress.refresh import Endpoint, NotRenewed, question, renewed
from botbottle.sidecar.egress.sealed import Sealed

EARLY = 300.0  # seconds before its end at which a login is renewed
RETRY = 60.0  # seconds between two attempts for one login
PATIENCE = 10.0  # seconds of an attempt for which requests wait
SECONDS = 60.0  # for one attempt

type Ask = Callable[[Endpoint, Question], Awaitable[Answer]]


@dataclass(slots=True, weakref_slot=True)
class _Owned:
    name: str  # one of those it was delivered under
    origin: str = field(repr=False)
    delivered: str = field(repr=False)
    text: str = field(repr=False)
    former: tuple[str, ...] = field(default=(), repr=False)  # the last texts before
    tried: float = float("-inf")  # monotonic
    doubted: bool = False
    unkept: bool = False  # what was renewed is in memory only
    problem: str = ""  # of the last attempt
    attempt: asyncio.Task[None] | None = None


class Logins:
    """All owned logins of one sidecar. ``changed`` is called after each renewal, ``failed`` with
    the name of a login that was not renewed, or not kept, and why."""

    def __init__(
        self,
        sealed: Sealed,
        ask: Ask,
        changed: Callable[[], None],
        failed: Callable[[str, str], None] = lambda _name, _why: None,
    ) -> None:
        self._sealed, self._ask, self._changed, self._failed = sealed, ask, changed, failed
        self._owned: dict[str, _Owned] = {}
        self._known = WeakValueDictionary[str, _Owned]()  # by origin; those that are renewed, too
        self._attempts: set[asyncio.Task[None]] = set()

    def following(self, texts: Mapping[str, str]) -> Logins:
        """The logins after a delivery. What was renewed since the same delivery stays."""
        after = Logins(self._sealed, self._ask, self._changed, self._failed)
        after._known, after._attempts = self._known, self._attempts
        for name, text in texts.items():
            after._owned[name] = after._of(name, text)
        return after

    def _of(self, name: str, text: str) -> _Owned:
        """A login that was delivered, as far as it has come. Its refresh token tells which one it
        is: another document with the same one is no other login."""
        found = login.read(text)
        origin = (found and found.refresh) or text
        kept = self._known.get(origin)
        if kept is not None and (kept.attempt or _goes_on(kept, text)):
            return kept
        sealed = self._sealed.kept(origin) or self._sealed.kept(text)
        made = _Owned(name, origin, text, _newer(text, sealed))
        self._known[origin] = made
        return made

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
        """Renew a login when it is time; '' when it can be used, else why not. Who can use it as
        it is does not wait."""
        kept = self._owned.get(name)
        if kept is None:
            return "it has not been delivered"
        if kept.attempt is None and _due(kept):
            self._begin(kept)
        if kept.attempt is not None and (kept.doubted or not _usable(kept)):
            left = kept.tried + PATIENCE - time.monotonic()
            await asyncio.wait({kept.attempt}, timeout=max(0.0, left))
        if _usable(kept):
            return ""
        return "it is being renewed" if kept.attempt else kept.problem or "it has expired"

    async def settled(self, seconds: float) -> None:
        """Let the attempts that are under way come to their end."""
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=seconds)

    def _begin(self, kept: _Owned) -> None:
        kept.tried = time.monotonic()
        kept.attempt = attempt = asyncio.create_task(self._attempt(kept))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    async def _attempt(self, kept: _Owned) -> None:
        try:
            kept.problem = await (self._keep(kept) if kept.unkept else self._renew(kept))
        except Exception as error:  # noqa: BLE001 - fail closed: what is not renewed ends
            kept.problem = f"it could not be renewed ({type(error).__name__})"
        finally:
            kept.attempt = None
        if kept.problem:
            self._failed(kept.name, kept.problem)

    async def _renew(self, kept: _Owned) -> str:
        """Why it was not renewed, or ''. Nothing is asked for that could not be kept."""
        try:
            await asyncio.to_thread(self._sealed.reserve, kept.origin)
        except OSError as error:
            return f"it could not be kept and so is not renewed ({type(error).__name__})"
        try:
            async with asyncio.timeout(SECONDS):
                answer = await self._ask(*question(kept.text))
            fresh, problem = renewed(kept.text, answer, time.time())
        except (NotRenewed, NoAnswer, OSError) as error:  # TimeoutError is an OSError
            return f"it could not be renewed ({error or type(error).__name__})"
        unkept = await self._keep(kept, fresh)
        kept.former = (kept.text, *kept.former)[:2]
        kept.text, kept.doubted = fresh, kept.doubted and bool(problem)
        self._changed()
        return f"it could not be renewed ({problem})" if problem else unkept

    async def _keep(self, kept: _Owned, fresh: str = "") -> str:
        """Keep it on the disk, before anybody uses it. Why that failed, or ''."""
        try:
            await asyncio.to_thread(self._sealed.keep, kept.origin, fresh or kept.text)
        except OSError as error:
            kept.unkept = True
            return f"it was renewed and could not be kept ({type(error).__name__})"
        kept.unkept = False
        return ""


def _goes_on(kept: _Owned, text: str) -> bool:
    return text == kept.delivered or _newer(text, kept.text) == kept.text


def _newer(text: str, kept: str) -> str:
    """Which of two texts of one login to go on with. One whose refresh token has changed since is
    newer, and the other's is used up."""
    now, then = login.read(kept), login.read(text)
    if now is None or then is None:
        return text
    later = now.refresh != then.refresh or now.expires >= then.expires
    return kept if later else text


def _usable(kept: _Owned) -> bool:
    found = login.read(kept.text)
    return found is not None and not found.expired(time.time())


def _due(kept: _Owned) -> bool:
    if time.monotonic() - kept.tried < RETRY:
        return False
    found = login.read(kept.text)
    if found is None or not found.refresh:
        return False
    return kept.unkept or kept.doubted or found.expired(time.time() + EARLY)
