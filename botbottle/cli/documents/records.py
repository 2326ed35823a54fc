"""Documents of what was written down: history, audit, findings, proposals, routes, snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from botbottle.ledger.records import AuditRow, Generation, LedgerEvent, Proposal


class History(Struct, frozen=True, kw_only=True):
    """Output of bb history --json: what was applied to its end, newest first."""

    generations: tuple[Generation, ...]


class Difference(Struct, frozen=True, kw_only=True):
    """Output of bb diff --json: the desired sets of two generations, as they were kept."""

    old: dict[str, Any]
    new: dict[str, Any]


class Audit(Struct, frozen=True, kw_only=True):
    """Output of bb audit --json: links of the audit chain, oldest first."""

    rows: tuple[AuditRow, ...]


class Found(LedgerEvent, frozen=True, kw_only=True):
    """What detection saw in a bottle's traffic; never the match itself."""

    bottle: str


class Findings(Struct, frozen=True, kw_only=True):
    """Output of bb findings --json, oldest first. ``bottle`` is null when all were asked for."""

    bottle: str | None
    findings: tuple[Found, ...]


class Reach(Struct, frozen=True, kw_only=True):
    """Output of bb routes list --json: what is active, as the sidecar tells it."""

    bottle: str
    reach: tuple[str, ...]


class PathMatch(Struct, frozen=True, kw_only=True):
    """A path of a suggested route."""

    type: str
    value: str


class RouteMatch(Struct, frozen=True, kw_only=True):
    """Paths and methods that were refused."""

    paths: tuple[PathMatch, ...]
    methods: tuple[str, ...]


class SuggestedRoute(Struct, frozen=True, kw_only=True):
    """A route as manifests take it; ``port`` is given unless it is 443."""

    host: str
    matches: tuple[RouteMatch, ...]
    port: int | UnsetType = UNSET


class Suggestions(Struct, frozen=True, kw_only=True):
    """Output of bb routes suggest --json."""

    bottle: str
    routes: tuple[SuggestedRoute, ...]


class Proposals(Struct, frozen=True, kw_only=True):
    """Output of bb proposals list --json."""

    proposals: tuple[Proposal, ...]


class Snapshot(Struct, kw_only=True):
    """One snapshot. ``size`` in bytes includes the layers shared with the base image, ``own`` is
    what its volumes take; each is null when the engine has no such image (any more). ``budget``
    says where the bottle's pools stood, ``retention`` why it is beyond retention, if it is.
    ``leaks`` and ``searched_for`` (names) are given with --scan."""

    bottle: str
    image: str
    volumes: str | None
    at: float
    manifest_digest: str
    budget: tuple[Mapping[str, Any], ...]
    size: int | None
    own: int | None
    frozen: bool
    retention: str | None
    leaks: tuple[str, ...] | UnsetType = UNSET
    searched_for: tuple[str, ...] | UnsetType = UNSET


class Snapshots(Struct, frozen=True, kw_only=True):
    """Output of bb freezes --json, newest first; ``own`` and ``size`` are sums, in bytes."""

    freezes: tuple[Snapshot, ...]
    own: int
    size: int
