"""The active configuration: compiled once when it is delivered, read by every request.

An :class:`Active` is immutable; a change of routes or secrets makes a new one and swaps the
reference, so a request sees one consistent policy from its first stage to its last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from botbottle.dlp import Scanner, VariantCache
from botbottle.model.route import Auth, Route
from botbottle.model.sidecar_config import SidecarConfig, fingerprint
from botbottle.sidecar.egress.auth import material
from botbottle.sidecar.egress.echoes import cut_forms, echo_forms
from botbottle.sidecar.egress.logins import Logins
from botbottle.sidecar.egress.match import RouteIndex
from botbottle.sidecar.egress.placeholders import Placeholders
from botbottle.sidecar.egress.scrub import Scrubber


@dataclass(frozen=True, slots=True)
class Active:
    """One delivered configuration with everything derived from it."""

    config: SidecarConfig
    config_hash: str
    index: RouteIndex
    metered: Mapping[str, str]
    fingerprints: tuple[tuple[str, str], ...]
    placeholders: Placeholders
    scrubber: Scrubber
    scanner: Scanner
    key: bytes = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)  # name → a text that must not leave or return
    logins: Logins | None = field(default=None, repr=False)

    def secret_of(self, route: Route) -> str | None:
        """The credential of a route; '' when it needs none, None when it was not delivered."""
        if route.auth is None:
            return ""
        if route.auth.scheme == "login":
            return (self.logins and self.logins.text(route.auth.secret)) or None
        return self.secrets.get(route.auth.secret)


def compile_active(
    config: SidecarConfig,
    secrets: Mapping[str, str],
    key: bytes,
    forms: VariantCache | None = None,
    before: Active | None = None,
    logins: Logins | None = None,
) -> Active:
    """Compile a delivery. Only secrets that a route uses are kept; ``logins`` has what became of
    those it owns.

    ``forms`` keeps the encoded forms of secrets between deliveries; what was compiled from the
    same secrets ``before`` is taken over, so that a change of routes alone is cheap.
    """
    wanted = {name: secrets[name] for name in config.secret_names if secrets.get(name)}
    texts = {
        f"{route.auth.secret}.{number}" if number else route.auth.secret: text
        for route in config.routes
        if route.auth and route.auth.secret in wanted
        for number, text in enumerate(_material(route.auth, wanted[route.auth.secret], logins))
    }
    return Active(
        config=config,
        config_hash=config.config_hash,
        index=_index(config, before),
        metered=MappingProxyType(dict(config.metered)),
        fingerprints=tuple((name, fingerprint(key, wanted[name])) for name in sorted(wanted)),
        placeholders=_placeholders(config, before),
        scrubber=_scrubber(texts.values(), before),
        scanner=_scanner(texts, key, forms or VariantCache(), before),
        key=key,
        texts=texts,
        logins=logins,
        secrets=MappingProxyType(wanted),
    )


def _material(auth: Auth, value: str, logins: Logins | None) -> Iterator[str]:
    """Every text of one credential, of a renewed login also the former ones; each once."""
    renewed = logins.texts(auth.secret) if logins and auth.scheme == "login" else ()
    found = (text for each in (*renewed, value) for text in material(auth, each))
    yield from dict.fromkeys(found)


def _index(config: SidecarConfig, before: Active | None) -> RouteIndex:
    same = before is not None and before.config.routes == config.routes
    return before.index if before is not None and same else RouteIndex(config.routes)


def _placeholders(config: SidecarConfig, before: Active | None) -> Placeholders:
    texts = dict(config.placeholders)
    same = before is not None and before.placeholders.texts == texts
    return before.placeholders if before is not None and same else Placeholders(texts)


def _scrubber(texts: Collection[str], before: Active | None) -> Scrubber:
    if before is not None and set(before.texts.values()) == set(texts):
        return before.scrubber
    return Scrubber(tuple(echo_forms(texts)), cut_forms(texts))


def _scanner(
    texts: Mapping[str, str], key: bytes, forms: VariantCache, before: Active | None
) -> Scanner:
    if before is not None and before.texts == texts and before.key == key:
        return before.scanner
    values = {name: text.encode() for name, text in texts.items()}
    return Scanner(values, key=key, variants=forms)
