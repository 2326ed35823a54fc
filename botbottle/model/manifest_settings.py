"""Keys of ``settings.yml``: host-wide choices in flat mappings and scalars. Home only."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator

from botbottle.model import manifest
from botbottle.model.manifest import Amount, Flag, Keys, Name, Text
from botbottle.model.route import HOST_PATTERN


def _ledger(text: str) -> str:
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise manifest.problem(
            "this is not a ledger address", "postgresql://host/database, or leave the key out"
        )
    address, _, query = text.partition("?")
    named = ":" in address.partition("://")[2].rpartition("@")[0]
    if named or "password=" in query.lower():
        raise manifest.problem(
            "the ledger address contains a password", "use PGPASSFILE or PGPASSWORD instead"
        )
    return text


def _pool(text: str) -> str:
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        raise manifest.problem(f"{text[:80]!r} is not an IPv4 network", "10.213.0.0/16") from error
    if not network.is_private or network.prefixlen > 24:
        raise manifest.problem(
            "the address pool must be private and at least a /24", "10.213.0.0/16"
        )
    return text


def _host(text: str) -> str:
    if not HOST_PATTERN.fullmatch(text) or len(text) > 253:
        raise manifest.problem(f"{text[:80]!r} is not a host name")
    return text


class CountKeys(Keys):
    """``count``: which token classes a budget counts; output always counts."""

    cache_read: Flag | None = None
    cache_write: Flag | None = None
    input: Flag | None = None


class ProviderHostKeys(Keys):
    """``providers.NAME``: further hosts that are metered for a provider."""

    hosts: tuple[Annotated[Text, AfterValidator(_host)], ...] = ()


class FreezesKeys(Keys):
    """``freezes``: how long snapshots stay."""

    keep: manifest.whole(1, 1_000_000) | None = None  # type: ignore[valid-type]
    max_days: manifest.whole(1, 36_500) | None = None  # type: ignore[valid-type]
    remove: Literal["manual", "auto"] | None = None


class SettingsFile(Keys):
    """``settings.yml``."""

    budget: dict[Name, Amount] | None = None
    shutdown: Literal["cutoff", "freeze", "kill"] | None = None
    budget_mode: Literal["nearest", "all"] | None = None
    count: CountKeys | None = None
    ledger: Annotated[Text, AfterValidator(_ledger)] | None = None
    max_changes: manifest.whole(0, 1_000_000) | None = None  # type: ignore[valid-type]
    max_deletes: manifest.whole(0, 1_000_000) | None = None  # type: ignore[valid-type]
    providers: dict[Name, ProviderHostKeys] | None = None
    egress_network: Text | None = None
    egress_ca: Text | None = None
    address_pool: Annotated[Text, AfterValidator(_pool)] | None = None
    base_image: Text | None = None
    preflight: Literal["off", "estimate", "exact"] | None = None
    notify_command: Text | None = None
    notify_webhook: Text | None = None
    freezes: FreezesKeys | None = None
