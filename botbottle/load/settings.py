"""``settings.yml`` as the model's Settings."""

from __future__ import annotations

from typing import Any

from botbottle.load.parse import SettingsDoc
from botbottle.model.bottle import Settings
from botbottle.model.diagnostic import Origin

_PLAIN = (
    "shutdown",
    "budget_mode",
    "ledger",
    "max_changes",
    "max_deletes",
    "egress_network",
    "egress_ca",
    "address_pool",
    "base_image",
    "preflight",
    "notify_command",
    "notify_webhook",
)


def to_settings(document: SettingsDoc | None) -> Settings:
    """The file's choices over the defaults."""
    if document is None:
        return Settings()
    keys = document.keys
    chosen: dict[str, Any] = {
        name: value for name in _PLAIN if (value := getattr(keys, name)) is not None
    }
    for name in ("cache_read", "cache_write", "input"):
        if (value := getattr(keys.count, name, None)) is not None:
            chosen[f"count_{name}"] = value
    for name in ("keep", "max_days", "remove"):
        if (value := getattr(keys.freezes, name, None)) is not None:
            chosen[f"freezes_{name}"] = value
    hosts = sorted((name, p.hosts) for name, p in (keys.providers or {}).items())
    return Settings(
        budgets=document.budget, provider_hosts=tuple(hosts), origins=_origins(document), **chosen
    )


def _origins(document: SettingsDoc) -> dict[str, tuple[Origin, ...]]:
    found = {}
    stack: list[tuple[str | int, ...]] = [(key,) for key in document.tree.data or {}]
    while stack:
        path = stack.pop()
        value = document.tree.data
        for step in path:
            value = value[step]
        if isinstance(value, dict):
            stack.extend((*path, key) for key in value)
        else:
            found[".".join(map(str, path))] = (document.origin(*path),)
    return dict(sorted(found.items()))
