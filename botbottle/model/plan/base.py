"""What every op has, and how ops name containers and networks."""

from __future__ import annotations

from msgspec import Struct


class Ref(Struct, frozen=True, order=True):
    """A container or network: by ``id`` when observed, else by the ``name`` an op creates."""

    name: str
    id: str = ""


class Base(Struct, frozen=True, kw_only=True):
    """What every op has. ``id`` is deterministic and unique in a plan; ``after`` lists ids that
    must be done first; ``expect`` is a digest of the observed fragment the op relies on (empty:
    nothing); ``best_effort``: a failure is reported but blocks nothing."""

    id: str
    resource: str  # "web/agent", "web/egress", "web/internal", "ledger"
    bottle: str  # "" for the whole project or home; "web/snapshots" for what is kept of "web"
    reason: str  # machine code, may grow: readers treat unknown ones as unspecified
    after: tuple[str, ...] = ()
    expect: str = ""
    best_effort: bool = False
