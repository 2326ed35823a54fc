"""Names to addresses on the egress side, checked on the very address that will be used.

The caller connects to a returned address, never to the name again, so a name that changes its
answer between check and use (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from weakref import WeakValueDictionary

from botbottle.sidecar.egress.address import refusal

_TTL = 15.0  # seconds a resolution is reused
_CACHED = 512  # names
PATIENCE = 15.0  # seconds for one name, its turn included
TOGETHER = 2  # lookups at a time of names under one domain; the loop has four threads for all


class Unresolved(OSError):
    """The name has no address. The message starts with a denial code."""


class PrivateAddress(OSError):
    """Every address of the name is refused. The message starts with a denial code."""


class Resolver:
    """Resolves through a hosts file first, then the system.

    ``hosts``: name → addresses, as in hosts(5). ``trusted``: networks whose addresses count as
    public (an operator's choice, for destinations on a company network).
    """

    def __init__(
        self,
        hosts: Mapping[str, Sequence[str]] | None = None,
        trusted: Sequence[str] = (),
    ) -> None:
        self._hosts = {name: tuple(found) for name, found in (hosts or {}).items()}
        self._trusted = tuple(ipaddress.ip_network(n) for n in trusted)
        self._cache: dict[str, tuple[float, tuple[str, ...]]] = {}
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def addresses(self, host: str, port: int, *, allow_private: bool) -> tuple[str, ...]:
        """Addresses that may be connected to, in the resolver's order.

        Raises Unresolved, PrivateAddress.
        """
        found = self._hosts.get(host) or await self._system(host, port)
        if allow_private:
            return found
        reasons = {address: self._refused(address) for address in found}
        allowed = tuple(a for a in found if not reasons[a])
        if not allowed:
            first = next(iter(reasons.values()))
            raise PrivateAddress(f"private-address: {host} resolves to {first}")
        return allowed

    def _refused(self, text: str) -> str:
        reason = refusal(text)
        if reason and self._trusted:
            address = ipaddress.ip_address(text.partition("%")[0])
            if any(address in network for network in self._trusted):
                return ""
        return reason

    async def _system(self, host: str, port: int) -> tuple[str, ...]:
        if (found := self._cached(host)) is not None:
            return found
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._in_turn(host, port)
        except TimeoutError as error:
            raise Unresolved(f"dns: {host}: no answer in {PATIENCE:g} s") from error
        except (OSError, UnicodeError) as error:
            raise Unresolved(f"dns: {host} does not resolve ({error})") from error
        if not found:
            raise Unresolved(f"dns: {host} has no address")
        return found

    def _cached(self, host: str) -> tuple[str, ...] | None:
        known = self._cache.get(host)
        return known[1] if known and known[0] > time.monotonic() else None

    async def _in_turn(self, host: str, port: int) -> tuple[str, ...]:
        """Ask when it is this domain's turn. A domain whose servers are silent holds a thread for
        longer than anybody waits; it must not hold those of others."""
        domain = ".".join(host.rsplit(".", 2)[-2:])
        turns = self._turns.setdefault(domain, asyncio.Semaphore(TOGETHER))
        await turns.acquire()
        if (found := self._cached(host)) is not None:  # somebody asked meanwhile
            turns.release()
            return found
        asking = asyncio.ensure_future(self._ask(host, port))
        asking.add_done_callback(lambda task: _over(turns, task))
        return await asyncio.shield(asking)  # the thread goes on whoever waits

    async def _ask(self, host: str, port: int) -> tuple[str, ...]:
        loop = asyncio.get_running_loop()
        answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found = tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))
        if found:
            self._keep(host, found)
        return found

    def _keep(self, host: str, found: tuple[str, ...]) -> None:
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        self._cache[host] = (time.monotonic() + _TTL, found)


def _over(turns: asyncio.Semaphore, task: asyncio.Future[tuple[str, ...]]) -> None:
    turns.release()
    if not task.cancelled():
        task.exception()  # seen: maybe nobody waits for it any more


def read_hosts(path: Path) -> dict[str, list[str]]:
    """Parse a hosts(5) file. Raises OSError, ValueError on a line without a valid address."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.partition("#")[0].split()
        if not fields:
            continue
        address = str(ipaddress.ip_address(fields[0]))
        for name in fields[1:]:
            found.setdefault(name.lower(), []).append(address)
    return found
