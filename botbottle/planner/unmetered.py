"""BB306: routes that reach known model hosts nobody meters.

Such tokens are in no ledger and no budget. What is already in force is only said again; what is
new asks for approval, because it widens what a bottle can spend without a limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from botbottle.model.plan import Notice
from botbottle.model.sidecar_config import SidecarConfig

type Declared = tuple[tuple[str, str], ...]  # (host, budget key) of ``providers`` in the settings


def unmetered_routes(
    bottle: str, old: SidecarConfig | None, new: SidecarConfig
) -> Iterable[Notice]:
    """One notice for each host; ``old`` is what the running sidecar has active, if any."""
    before = set(reached(old))
    for host, name in sorted(set(reached(new))):
        text = f"reaches models of {name} at {host}, which no provider meters or limits"
        yield Notice("BB306", bottle, text, "" if (host, name) in before else "widen")


def reached(config: SidecarConfig | None) -> Iterable[tuple[str, str]]:
    """(route host, model provider) of every unmetered model host that a route reaches."""
    for route in config.routes if config else ():
        if name := _served(route.host, config.metered if config else ()):
            yield route.host, name


@lru_cache(maxsize=4096)  # many bottles share their routes
def _served(host: str, declared: Declared) -> str | None:
    from botbottle.meter.hosts import unmetered_llm_host

    return unmetered_llm_host(host, dict(declared))
