"""Variables that would hand the agent what only its sidecar may have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from botbottle.model.bottle import BottleSpec
from botbottle.model.diagnostic import Diagnostic, Origin, Severity
from botbottle.planner.wanted import routes
from botbottle.providers import PROVIDERS


def copied_credentials(specs: Iterable[BottleSpec]) -> Iterator[Diagnostic]:
    """BB2134: ``env`` copies a host variable that a route of some bottle authenticates with. An
    agent never has a credential: what it needs is the route, with a placeholder in its place."""
    every = tuple(specs)
    used = {secret: b.name for b in reversed(every) for secret in _credentials(b)}
    for spec in every:
        for env in spec.env:
            if env.kind == "host" and env.value in used:
                yield Diagnostic(
                    Severity.ERROR,
                    "BB2134",
                    f"env.{env.name} gives the agent ${env.value}, the credential of a route of "
                    f"{used[env.value]}",
                    next(iter(spec.origins.get(f"env.{env.name}", ())), Origin("")),
                    hint="leave it out: the sidecar puts the credential in, and the agent's own "
                    "copy is stripped from what it sends",
                )


def _credentials(spec: BottleSpec) -> set[str]:
    """Host variables that its sidecar has; of a plugin's template what the bottle says itself."""
    known = routes(spec) if spec.template in PROVIDERS else spec.routes
    return {r.auth.secret for r in known if r.auth} | ({spec.auth_token} - {""})
