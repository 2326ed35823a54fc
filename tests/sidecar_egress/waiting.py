"""What a request can be made to wait for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from tests.sidecar_egress.inside import Inside


class Wait:
    """Something that a request waits for."""

    def __init__(self) -> None:
        self.begun, self.over = threading.Event(), threading.Event()

    async def __call__(self) -> None:
        self.begun.set()
        while not self.over.is_set():
            await asyncio.sleep(0.001)

    def before(self, work: Any) -> Any:
        async def waited(*given: Any, **named: Any) -> Any:
            await self()
            return await work(*given, **named)

        return waited


def approves_late(inside: Inside) -> tuple[Wait, threading.Event]:
    """An operator who approves whatever is asked, when the wait is over; the event is set then."""
    wait, approved = Wait(), threading.Event()

    async def ask(*_: object) -> bool:
        await wait()
        approved.set()
        return True

    inside.ledger.ask = ask  # type: ignore[assignment,method-assign]
    return wait, approved
