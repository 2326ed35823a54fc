"""The digest that an approval binds to: what would be done and why, what of it was asked for, and
nothing else. The same ops need an approval against one baseline and none against another: who
approved the one has not approved the other.

Each op is hashed on its own, so the cost is linear in the ops. Left out is what may differ
between two looks at the same diff: the addresses that happen to be free, and secret values
(which credentials go where is approved, not what they are today), and snapshots that go by the
settings' retention, which nobody is asked about and which the clock changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from msgspec.structs import asdict

from botbottle.model import canonical
from botbottle.model.plan.engine_ops import CreateContainer, CreateNetwork
from botbottle.model.plan.findings import Notice, Reach, ReachChange
from botbottle.model.plan.inner_ops import AwaitReady, DeliverEnv, PushConfig
from botbottle.model.plan.ops import Op
from botbottle.model.plan.snapshot_ops import is_retention

_HOSTS = range(2, 6)  # sidecars and agent, from the first address of a bottle's subnet
_NUMERIC = frozenset("0123456789.")

type Marks = tuple[tuple[str, str], ...]  # a subnet or an address, and what stands for it


def digest_of(
    project: str,
    ops: Iterable[Op],
    notices: Iterable[Notice] = (),
    reach: Iterable[ReachChange] = (),
) -> str:
    """16 hex digits over a project's ops, in their order, over the notices that ask for an
    approval and over the reach that is gained."""
    planned = tuple(op for op in ops if not is_retention(op.bottle))
    fresh = {
        op.bottle: _marks(op.spec.subnet)
        for op in planned
        if isinstance(op, CreateNetwork) and op.spec.kind == "internal"
    }
    state = hashlib.sha256(project.encode())
    for op in planned:
        text = _text(op)
        for address, mark in fresh.get(op.bottle, ()):
            if address in text:
                text = _swap(text, address, mark)
        state.update(b"\0" + text.encode())
    for asked in _asked(notices, reach):
        state.update(b"\1" + asked.encode())
    return state.hexdigest()[:16]


def _asked(notices: Iterable[Notice], reach: Iterable[ReachChange]) -> list[str]:
    """What a person approves beside the ops, in an order that does not depend on how it was
    found."""
    needs = ((n.code, n.bottle, n.needs, n.message) for n in notices if n.needs)
    gained = ((r.reach.value, r.bottle, r.text) for r in reach if r.reach is Reach.WIDENS)
    found = [*needs, *gained]
    return sorted(canonical.quick(line) for line in found if not is_retention(line[1]))


def _marks(subnet: str) -> Marks:
    """Marks hold a control character, which no JSON text contains: nothing can pose as one."""
    first = ip_network(subnet).network_address
    return (subnet, "\x01net"), *((str(first + n), f"\x01{n}") for n in _HOSTS)


def _text(op: Op) -> str:
    """An op as text. Labels follow from the spec; of a secret only its name counts."""
    data: dict[str, Any] = asdict(op)
    data.pop("labels", None)
    kind = type(op).__name__
    match op:
        case CreateContainer():
            spec = op.spec
            del data["spec"]
            data["mutable"] = [spec.name, spec.networks, spec.limits]
            return kind + canonical.quick(data) + spec.spec_text
        case PushConfig():
            data["config"] = op.config.config_hash
            data["secrets"] = [name for name, _ in op.secrets]
        case DeliverEnv():
            data["names"] = [name for name, _ in op.names]
        case AwaitReady():
            return kind + canonical.canonical(data)  # a float
    return kind + canonical.quick(data)


def _swap(text: str, address: str, mark: str) -> str:
    """``text`` with ``mark`` wherever ``address`` is not a part of a longer number."""
    first, *rest = text.split(address)
    out = first
    for part in rest:
        part_of_longer = out[-1:] in _NUMERIC or part[:1] in _NUMERIC
        out += (address if part_of_longer else mark) + part
    return out
