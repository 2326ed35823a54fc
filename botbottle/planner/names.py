"""Names and addresses: deterministic, unique per home, project and bottle."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import IPv4Network

from msgspec import Struct

from botbottle.errors import Refused

BOTTLE_PREFIX = 28  # a /28: sidecars and agent, small enough for thousands in a /16
OUTER_PREFIX = 20
_OFFSETS = {"egress": 2, "agent": 3, "supervise": 4, "git-gate": 5}


class Names(Struct, frozen=True):
    """Engine names of one bottle's resources."""

    base: str

    @property
    def agent(self) -> str:
        return f"{self.base}-agent"

    @property
    def egress(self) -> str:
        return f"{self.base}-egress"

    @property
    def network(self) -> str:
        return f"{self.base}-net"

    @property
    def home(self) -> str:
        return f"{self.base}-home"

    @property
    def workspace(self) -> str:
        return f"{self.base}-work"


def names(home_id: str, project: str, bottle: str) -> Names:
    """``bb-NAME-HASH``: the hash keeps two homes or projects apart on one engine."""
    tail = hashlib.sha256(f"{home_id}/{project}/{bottle}".encode()).hexdigest()[:8]
    return Names(f"bb-{bottle[:24]}-{tail}")


def ledger_name(home_id: str) -> str:
    return f"bb-ledger-{home_id}"


def outer_name(home_id: str) -> str:
    return f"bb-outer-{home_id}"


def outer_subnet(pool: str, taken: Iterable[str]) -> str:
    """The last /20 of the pool that nobody has: where sidecars face the world. Another home's
    outer network is taken, too. Raises Refused when there is none."""
    size = 1 << (32 - OUTER_PREFIX)
    first, last = _ipv4(pool)
    spans = sorted(_spans(taken))
    start = last // size * size
    while any(a <= start + size - 1 and start <= b for a, b in spans):
        start -= size
        if start < first:
            raise _used_up(pool)
    return f"{_text(start)}/{OUTER_PREFIX}"


def is_outer_subnet(subnet: str, pool: str) -> bool:
    """Whether ``outer_subnet`` could have given this one out."""
    found, (first, last) = span(subnet), _ipv4(pool)
    return bool(found and first <= found[0] <= last and subnet.endswith(f"/{OUTER_PREFIX}"))


def _used_up(pool: object) -> Refused:
    return Refused(
        f"the address pool {pool} is used up",
        code="BB7011",
        hint="set address_pool in settings.yml to a larger private range",
    )


def address(subnet: str, role: str) -> str:
    """Fixed address of a role in a bottle's subnet (the engine keeps the first for itself)."""
    first, _ = _ipv4(subnet)
    return _text(first + _OFFSETS[role])


class Subnets:
    """Hands out free bottle subnets in order; what is taken by anybody is never handed out."""

    def __init__(self, pool: str, taken: Iterable[str]) -> None:
        self._pool = IPv4Network(pool)
        self._taken = sorted(_spans(taken), reverse=True)
        self._next = int(self._pool.network_address)

    def take(self) -> str:
        """The next free subnet. Raises Refused when the pool is used up."""
        size = 1 << (32 - BOTTLE_PREFIX)
        while self._taken and self._taken[-1][0] < self._next + size:
            _, last = self._taken.pop()
            if last >= self._next:
                self._next = (last // size + 1) * size
        start, self._next = self._next, self._next + size
        if start + size - 1 > int(self._pool.broadcast_address):
            raise _used_up(self._pool)
        return f"{_text(start)}/{BOTTLE_PREFIX}"


def _spans(subnets: Iterable[str]) -> Iterable[tuple[int, int]]:
    return filter(None, map(span, subnets))


def span(subnet: str) -> tuple[int, int] | None:
    """First and last address of an IPv4 subnet as numbers; None for IPv6."""
    return None if ":" in subnet else _ipv4(subnet)


def _ipv4(subnet: str) -> tuple[int, int]:
    """The same, by hand: planning reads tens of thousands, ``ipaddress`` takes 20 µs for each.
    Raises ValueError for what is no subnet."""
    address, _, prefix = subnet.partition("/")
    a, b, c, d = map(int, address.split("."))
    size = 1 << (32 - int(prefix or 32))
    first = (a << 24 | b << 16 | c << 8 | d) // size * size
    return first, first + size - 1


def _text(address: int) -> str:
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"
