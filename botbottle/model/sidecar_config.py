"""The egress sidecar's configuration, as bb delivers it and as the sidecar reports it active.

One document, delivered over the control socket in memory (never a file), so host and sidecar
compute the same hash. Secrets travel beside it and are never part of the hash; each is
represented by a keyed fingerprint.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import asdict

from botbottle.model import canonical
from botbottle.model.route import Route
from botbottle.model.route_reading import from_flat

FORMAT = 1


class Hold(Struct, frozen=True):
    """Why nothing may leave: shown to the agent in each refusal. Empty policy: no hold."""

    policy: Literal["", "cutoff", "freeze", "kill"] = ""
    reason: str = ""  # machine code: budget-exhausted, operator, ...
    message: str = ""


class SidecarConfig(Struct, frozen=True, dict=True):
    """Everything that decides what may leave a bottle, without secrets.

    ``routes`` in matching order (provider routes first). ``metered`` maps hosts declared in
    settings to their budget key, beside the hosts every dialect knows. ``placeholders`` maps a
    placeholder credential that the agent holds to the name of the secret it stands for.
    ``upstream_ca`` is PEM text trusted besides the public CAs.
    """

    bottle: str
    routes: tuple[Route, ...] = ()
    hold: Hold = field(default_factory=Hold)
    metered: tuple[tuple[str, str], ...] = ()
    placeholders: tuple[tuple[str, str], ...] = ()
    log: int = 1
    learning: bool = False
    preflight: Literal["off", "estimate", "exact"] = "off"
    upstream_ca: str = ""
    supervise: bool = False

    def to_wire(self) -> dict[str, Any]:
        """Plain JSON data with the routes in flat form."""
        data: dict[str, Any] = canonical.plain(self)
        data["routes"] = [r.to_flat() for r in self.routes]
        data["format"] = FORMAT
        return data

    @functools.cached_property
    def config_hash(self) -> str:
        """Hash that the sidecar reports as active."""
        routes = [r.to_flat() for r in self.routes]
        data = asdict(self) | {"routes": routes, "format": FORMAT}
        return canonical.digest_text(canonical.quick(data))

    @property
    def secret_names(self) -> tuple[str, ...]:
        """Names of every secret the routes use, sorted."""
        return tuple(sorted({r.auth.secret for r in self.routes if r.auth}))


def from_wire(data: Mapping[str, Any]) -> SidecarConfig:
    """Inverse of ``to_wire``. Raises ValueError on an unknown format, RouteError on a bad route."""
    if data.get("format") != FORMAT:
        raise ValueError(f"unknown sidecar config format {data.get('format')!r}")
    known = {k: v for k, v in data.items() if k not in ("format", "routes", "hold")}
    for key in ("metered", "placeholders"):
        known[key] = tuple((str(a), str(b)) for a, b in known.get(key, ()))
    return SidecarConfig(
        **known,
        routes=tuple(from_flat(r) for r in data.get("routes", ())),
        hold=Hold(**data.get("hold", {})),
    )


def fingerprint(key: bytes, value: str) -> str:
    """First 8 hex digits of HMAC-SHA256(key, value): shows a change, never the value."""
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:8]
