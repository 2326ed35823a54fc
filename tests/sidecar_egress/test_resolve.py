"""Names whose servers are silent hold up neither other names nor those who wait for them."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from botbottle.sidecar.egress import resolve
from botbottle.sidecar.egress.resolve import TOGETHER, Resolver, Unresolved

SILENT = [f"a{number}.deep.silent.example" for number in range(6)]


class System:
    """The system's resolver: names under ``silent.example`` are not answered before ``speak``."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.speak = asyncio.Event()
        self.known: dict[str, list[str]] = {}

    async def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        if host.endswith("silent.example"):
            await self.speak.wait()
        if host not in self.known and "missing" in host:
            raise socket.gaierror(-2, "Name or service not known")
        found = self.known.get(host, ["93.184.216.34", "93.184.216.34"])
        return [(0, 0, 0, "", (address, port)) for address in found]


def played(play: Callable[[Resolver, System], Awaitable[None]]) -> None:
    """Run against a system that answers as it is told."""

    async def run() -> None:
        system = System()
        loop: Any = asyncio.get_running_loop()
        loop.getaddrinfo = system.getaddrinfo
        await play(Resolver(), system)

    asyncio.run(run())


async def look(resolver: Resolver, host: str) -> tuple[str, ...]:
    return await resolver.addresses(host, 443, allow_private=False)


async def until_asked(system: System, count: int) -> None:
    while len(system.asked) < count:
        await asyncio.sleep(0)


def test_a_silent_domain_holds_two_lookups_and_others_are_answered() -> None:
    async def play(resolver: Resolver, system: System) -> None:
        waiting = [asyncio.ensure_future(look(resolver, host)) for host in SILENT]
        await until_asked(system, TOGETHER)
        assert await look(resolver, "api.example.com") == ("93.184.216.34",)
        assert system.asked == [*SILENT[:TOGETHER], "api.example.com"]
        system.speak.set()
        assert await asyncio.gather(*waiting) == [("93.184.216.34",)] * len(SILENT)

    played(play)


def test_who_waits_too_long_is_told_and_the_threads_stay_those_of_their_domain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def play(resolver: Resolver, system: System) -> None:
        monkeypatch.setattr(resolve, "PATIENCE", 0.01)
        for host in SILENT:
            with pytest.raises(Unresolved, match=f"^dns: {host}: no answer"):
                await look(resolver, host)
        assert system.asked == SILENT[:TOGETHER], "nothing new before one of them is over"
        monkeypatch.setattr(resolve, "PATIENCE", 30.0)
        last = asyncio.ensure_future(look(resolver, SILENT[-1]))
        system.speak.set()
        assert await last == ("93.184.216.34",)
        assert system.asked[TOGETHER:] == [SILENT[-1]]

    played(play)


def test_whoever_is_gone_leaves_no_turn_taken() -> None:
    async def play(resolver: Resolver, system: System) -> None:
        waiting = [asyncio.ensure_future(look(resolver, host)) for host in SILENT]
        await until_asked(system, TOGETHER)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        system.speak.set()
        assert await look(resolver, SILENT[3]) == ("93.184.216.34",)
        del each, waiting
        async with asyncio.timeout(30):  # domains that nobody asks about are forgotten
            while resolver._turns:
                await asyncio.sleep(0)
                gc.collect()

    played(play)


def test_a_name_that_many_ask_for_at_once_is_asked_for_once_or_twice() -> None:
    async def play(resolver: Resolver, system: System) -> None:
        host = SILENT[0]
        waiting = [asyncio.ensure_future(look(resolver, host)) for _ in range(50)]
        await until_asked(system, TOGETHER)
        system.speak.set()
        await asyncio.gather(*waiting)
        assert system.asked == [host] * TOGETHER
        assert await look(resolver, host) == ("93.184.216.34",)
        assert len(system.asked) == TOGETHER

    played(play)


def test_a_failure_is_told_and_not_remembered() -> None:
    async def play(resolver: Resolver, system: System) -> None:
        host = "missing.example.com"
        with pytest.raises(Unresolved, match="does not resolve"):
            await look(resolver, host)
        system.known[host] = []
        with pytest.raises(Unresolved, match="no address"):
            await look(resolver, host)
        system.known[host] = ["1.1.1.1"]
        assert await look(resolver, host) == ("1.1.1.1",)
        assert len(system.asked) == 3

    played(play)
