"""What changes in a sidecar's configuration, field by field, and where each value was written.

A route is named by its host, not by its place in a list: a route added above it changes nothing
about it. A route that comes with the agent program was written in its template.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from botbottle.model.bottle import BottleSpec
from botbottle.model.canonical import digest_text
from botbottle.model.diagnostic import Origin
from botbottle.model.plan import FieldChange
from botbottle.model.resources import SidecarStatus
from botbottle.model.route import Route
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.fields import flatten
from botbottle.planner.reach import route_atoms

type Origins = Mapping[str, tuple[Origin, ...]]
type Key = tuple[str, int, int]  # host, port, and how many of the same came before

TEMPLATE = (Origin("", layer="template"),)
_PLACES = {
    "log": "egress.log",
    "learning": "egress.learning",
    "metered": "providers",
    "upstream_ca": "egress_ca",
}  # of a field in the manifests; others have their own name
_LEAVES = {"auth_scheme": "auth", "token_env": "auth", "auth_name": "auth"}


class Places(Struct, frozen=True):
    """Where the parts of a wanted configuration were written: a bottle's manifests, else the
    settings."""

    spec: BottleSpec
    settings: Origins

    def of(self, field: str) -> tuple[Origin, ...]:
        path = _PLACES.get(field, field)
        return self.spec.origins.get(path) or self.settings.get(path, ())

    def of_metered(self, key: str) -> tuple[Origin, ...]:
        """``key``: whose budget it is now."""
        return self.settings.get(f"providers.{key}.hosts") or self.of("metered")

    def of_route(self, route: Route, leaf: str) -> tuple[Origin, ...]:
        """``leaf``: first part of a path in the flat form; empty for the route as a whole."""
        place = next((i for i, r in enumerate(self.spec.routes) if r is route), None)
        if place is None:
            return TEMPLATE
        whole = f"egress.routes[{place}]"
        found = self.spec.origins.get(f"{whole}.{_LEAVES.get(leaf, leaf)}")
        return found or self.spec.origins.get(whole, ())

    def of_secret(self, name: str) -> Origin | None:
        """Where it was written that the bottle uses this credential: a route, else its program."""
        for route in self.spec.routes:
            if route.auth and route.auth.secret == name:
                return next(iter(self.of_route(route, "auth")), None)
        keys = ("auth_token", "forward_host_credentials", "template")
        written = (self.spec.origins.get(f"agent_provider.{key}", ()) for key in keys)
        return next((found[0] for found in written if found), None)


def config_changes(
    status: SidecarStatus | None,
    wanted: SidecarConfig,
    secrets: Iterable[tuple[str, str]],
    places: Places,
) -> tuple[FieldChange, ...]:
    """Old → new of what a delivery to a running sidecar changes; empty for a new one, whose
    whole reach is shown."""
    if status is None or status.config is None:
        return ()
    old = status.config
    holding = old.hold.policy != wanted.hold.policy  # all routes go or come back: reach says so
    return (
        *_plain(old, wanted, places),
        *(() if holding else _routes(old, wanted, places)),
        *_secrets(dict(status.secrets), dict(secrets)),
    )


def _plain(old: SidecarConfig, new: SidecarConfig, places: Places) -> Iterator[FieldChange]:
    for key in ("hold", "log", "learning", "preflight", "supervise", "upstream_ca"):
        before, now = getattr(old, key), getattr(new, key)
        if before != now:
            yield FieldChange(key, _text(key, before), _text(key, now), places.of(key))
    if old.metered != new.metered:
        yield from _metered(dict(old.metered), dict(new.metered), places)


def _metered(
    before: Mapping[str, str], now: Mapping[str, str], places: Places
) -> Iterator[FieldChange]:
    """Whose budget a host spends: as the settings say, else as everybody knows."""
    from botbottle.meter.hosts import provider_of

    for host in sorted({*before, *now}):
        old, new = provider_of(host, before) or "", provider_of(host, now) or ""
        if old != new:
            yield FieldChange(f"metered[{host}]", old, new, places.of_metered(new))


def _text(key: str, value: object) -> str:
    if key == "upstream_ca":
        return f"PEM {digest_text(str(value), 8)}" if value else ""
    policy = getattr(value, "policy", None)
    return (policy or "none") if policy is not None else str(value)


def _routes(old: SidecarConfig, new: SidecarConfig, places: Places) -> Iterator[FieldChange]:
    """Removed routes first, then changed and added ones; each group in matching order."""
    before, now = _by_key(old.routes), _by_key(new.routes)
    for key, route in before.items():
        if key not in now:
            yield FieldChange(_path(key), _allows(route), "")
    for key, route in now.items():
        if key not in before:
            yield FieldChange(_path(key), "", _allows(route), places.of_route(route, ""))
        elif before[key] != route:
            yield from _leaves(_path(key), before[key], route, places)


def _by_key(routes: Iterable[Route]) -> dict[Key, Route]:
    out: dict[Key, Route] = {}
    for route in routes:
        count = 0
        while (route.host, route.port, count) in out:
            count += 1
        out[route.host, route.port, count] = route
    return out


def _path(key: Key) -> str:
    host, port, count = key
    where = host if port == 443 else f"{host}:{port}"
    return f"egress.routes[{where}]" + (f"#{count + 1}" if count else "")


def _allows(route: Route) -> str:
    """The rules of a route without its host, which the path has already."""
    return ", ".join(atom.partition(" ")[2] for atom in route_atoms(route))


def _leaves(path: str, old: Route, new: Route, places: Places) -> Iterator[FieldChange]:
    before, now = flatten(old.to_flat()), flatten(new.to_flat())
    for leaf in sorted(before.keys() | now.keys()):
        if before.get(leaf) != now.get(leaf):
            place = places.of_route(new, leaf.partition(".")[0].partition("[")[0])
            yield FieldChange(f"{path}.{leaf}", before.get(leaf, ""), now.get(leaf, ""), place)


def _secrets(held: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[FieldChange]:
    """Another value of a credential that both sides have, by its keyed fingerprint."""
    for name in sorted(held.keys() & wanted.keys()):
        if held[name] != wanted[name]:
            yield FieldChange(f"secret.{name}", f"@{held[name]}", f"@{wanted[name]}")
