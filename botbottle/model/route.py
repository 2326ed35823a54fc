"""Routes: the one description of an allowed destination that manifest, sidecar and MCP share.

The flat form (what ``routes.yaml``, the sidecar and the MCP tools exchange) has the keys
``host port auth_scheme token_env auth_name matches git dlp provider allow_private
stream_uploads``; a key that is left out means its default. The manifest form differs only in
``auth: {scheme, token_ref}``. Both are read in ``route_reading``. Matching semantics follow the
Kubernetes Gateway API's HTTPRouteMatch: entries of ``matches`` are OR-ed, the fields inside one
entry AND-ed.
"""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

from msgspec import Struct, field

from botbottle.model.approval import Approval

type PathType = Literal["exact", "prefix", "regex"]
type HeaderType = Literal["exact", "regex"]
type AuthScheme = Literal["Bearer", "token", "basic", "header", "query", "sigv4", "oauth", "login"]
type OnMatch = Literal["block", "redact", "supervise"]

PATH_TYPES: tuple[str, ...] = get_args(PathType.__value__)
HEADER_TYPES: tuple[str, ...] = get_args(HeaderType.__value__)
AUTH_SCHEMES: tuple[str, ...] = get_args(AuthScheme.__value__)
ON_MATCH: tuple[str, ...] = get_args(OnMatch.__value__)
OUTBOUND_DETECTORS = ("token_patterns", "known_secrets", "entropy")
INBOUND_DETECTORS = ("naive_injection_detection", "injection_heuristics")
HOST_PATTERN = re.compile(
    r"(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
METHOD_PATTERN = re.compile(r"[A-Z][A-Z-]{0,31}")
NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
HEADER_PATTERN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")


class PathMatch(Struct, frozen=True, order=True):
    """A path rule. ``prefix`` matches whole segments: ``/v1`` matches ``/v1/x``, not ``/v1x``."""

    type: PathType
    value: str


class HeaderMatch(Struct, frozen=True, order=True):
    """A header rule; names are lower case, values case-sensitive."""

    name: str
    value: str
    type: HeaderType = "exact"


class Match(Struct, frozen=True, order=True):
    """One alternative: every non-empty field must match."""

    paths: tuple[PathMatch, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[HeaderMatch, ...] = ()


class Auth(Struct, frozen=True, order=True):
    """How the sidecar authenticates: ``secret`` is the *name* of a host variable, never a value.

    ``name`` is the header or query parameter for the schemes ``header`` and ``query``. ``oauth``
    uses a program's login as it is, ``login`` also renews it.
    """

    scheme: AuthScheme
    secret: str
    name: str = ""


class Dlp(Struct, frozen=True, order=True):
    """Detectors of a route; ``None`` means the default set of its kind of route.

    ``allow``: values that may pass, in the order of their fingerprints; never one of the sidecar's
    own credentials.
    """

    outbound_detectors: tuple[str, ...] | None = None
    inbound_detectors: tuple[str, ...] | None = None
    outbound_on_match: OnMatch | None = None
    allow: tuple[Approval, ...] = ()


class Route(Struct, frozen=True, order=True):
    """One allowed destination. ``host`` is exact or ``*.suffix`` (one or more labels).

    ``provider`` is the budget key of a metered host, or empty. ``allow_private`` lets the
    host resolve to a private address (shown as widening). ``stream_uploads`` lets request bodies
    of any size pass, judged block by block (shown as widening).
    """

    host: str
    port: int = 443
    auth: Auth | None = None
    matches: tuple[Match, ...] = ()
    git_fetch: bool = False
    dlp: Dlp = field(default_factory=Dlp)
    provider: str = ""
    allow_private: bool = False
    stream_uploads: bool = False

    def to_flat(self) -> dict[str, Any]:
        """The flat form with defaults left out; ``route_reading.from_flat`` is its inverse."""
        flat: dict[str, Any] = {"host": self.host}
        if self.port != 443:
            flat["port"] = self.port
        if self.auth:
            flat |= {"auth_scheme": self.auth.scheme, "token_env": self.auth.secret}
            if self.auth.name:
                flat["auth_name"] = self.auth.name
        if self.matches:
            flat["matches"] = [_match_to_flat(m) for m in self.matches]
        if self.git_fetch:
            flat["git"] = {"fetch": True}
        if dlp := _dlp_to_flat(self.dlp):
            flat["dlp"] = dlp
        if self.provider:
            flat["provider"] = self.provider
        if self.allow_private:
            flat["allow_private"] = True
        if self.stream_uploads:
            flat["stream_uploads"] = True
        return flat


def _match_to_flat(match: Match) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if match.paths:
        out["paths"] = [{"type": p.type, "value": p.value} for p in match.paths]
    if match.methods:
        out["methods"] = list(match.methods)
    if match.headers:
        out["headers"] = [{"name": h.name, "value": h.value, "type": h.type} for h in match.headers]
    return out


def _dlp_to_flat(dlp: Dlp) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if dlp.outbound_detectors is not None:
        out["outbound_detectors"] = list(dlp.outbound_detectors)
    if dlp.inbound_detectors is not None:
        out["inbound_detectors"] = list(dlp.inbound_detectors)
    if dlp.outbound_on_match is not None:
        out["outbound_on_match"] = dlp.outbound_on_match
    if dlp.allow:
        out["allow"] = [approval.to_flat() for approval in dlp.allow]
    return out


MOST_RULES = 50_000  # of one bottle's own routes; those of its program come on top


def rules(route: Route) -> int:
    """Of how many rules a plan tells the route, each with its headers: few lists make many."""
    return sum(
        max(1, len(m.methods)) * max(1, len(m.paths)) * (1 + len(m.headers)) for m in route.matches
    )
