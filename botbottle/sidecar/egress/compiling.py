"""Makes a delivered configuration ready in a thread of its own, so that no stream waits for it.

Everything that takes time is done here: reading what came, expressions of routes and scanners,
trust. What comes of it is data that nobody uses yet; making it active is one step of the event
loop, and a failure here has changed nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from botbottle.dlp import VariantCache
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.sidecar.egress import memory
from botbottle.sidecar.egress.active import Active, compile_active
from botbottle.sidecar.egress.logins import Logins
from botbottle.sidecar.egress.tls import WorldSide


@dataclass(frozen=True, slots=True)
class Delivery:
    """What bb delivered."""

    config: SidecarConfig
    secrets: Mapping[str, str] = field(repr=False)
    key: bytes = field(repr=False)

    def owned(self) -> dict[str, str]:
        """The logins in it that the sidecar renews itself, by the name of their secret."""
        routes = self.config.routes
        names = {r.auth.secret for r in routes if r.auth and r.auth.scheme == "login"}
        return {name: self.secrets[name] for name in names if self.secrets.get(name)}


@dataclass(frozen=True, slots=True)
class Ready:
    """What a delivery comes to. ``world``: TLS towards the world, None where the trust is as it
    was."""

    active: Active
    logins: Logins
    world: WorldSide | None


class Compiler:
    """One thread, which makes one thing after the other. Threads of scans may be busy for long."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "configure")
        self._forms = VariantCache()

    async def aside[Made](self, work: Callable[[], Made]) -> Made:
        """Do something in the thread. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def ready(
        self, delivery: Delivery, before: Active | None, logins: Logins, *, trusted: bool
    ) -> Ready:
        """Compile a delivery. ``before``, ``logins``: what is active, of which is kept what did not
        change; ``trusted``: so is the trust. Raises ValueError and what OpenSSL raises."""
        following = logins.following(delivery.owned())
        active = self.active(delivery, before, following)
        return Ready(active, following, None if trusted else WorldSide(delivery.config.upstream_ca))

    def active(self, delivery: Delivery, before: Active | None, logins: Logins) -> Active:
        """Compile what requests are judged by."""
        config, secrets, key = delivery.config, delivery.secrets, delivery.key
        return compile_active(config, secrets, key, self._forms, before, logins)

    def tidy(self) -> None:
        """Compiling needed some megabytes for a moment: give them back, when there is time."""
        self._thread.submit(memory.trim)

    def stop(self) -> None:
        """Take nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
