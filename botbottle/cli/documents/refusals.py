"""Documents of ``bb denials``; apart from those of the ledger, which it does not ask."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

type Text = str | UnsetType | None


class Denied(Struct, frozen=True, kw_only=True):
    """A refusal as the bottle's sidecar kept it: ``code`` as in the schema "denial"; a stream that
    was cut has an ``event`` only. Sidecars of other versions leave something out."""

    bottle: str
    at: float
    event: Text = UNSET
    id: Text = UNSET
    code: Text = UNSET
    method: Text = UNSET
    host: Text = UNSET
    port: int | UnsetType = UNSET
    path: Text = UNSET
    reason: Text = UNSET
    remedy: Text = UNSET
    failure: Text = UNSET


class Denials(Struct, frozen=True, kw_only=True):
    """Output of bb denials --json, oldest first. ``bottle`` is null when all were asked; then
    ``unreachable`` names those whose sidecar did not answer."""

    bottle: str | None
    denials: tuple[Denied, ...]
    unreachable: tuple[str, ...]
