"""What the home and the command line show before any manifest is read."""

from __future__ import annotations

from botbottle.load.budgets import unknown_provider
from botbottle.load.effective import Overrides
from botbottle.load.layers import Layers
from botbottle.load.library import Library
from botbottle.model.diagnostic import Diagnostic, Origin, Severity


def home_checks(found: Layers) -> list[Diagnostic]:
    """A home that does not exist declares nothing, which a mistyped ``--home`` never means."""
    if found.home.is_dir():
        return []
    return [
        Diagnostic(
            Severity.WARNING,
            "BB2004",
            f"there is no bb home at {found.home}",
            Origin("", 0, 0, "home"),
            hint="bb init writes a starter; --home DIR or BB_HOME name another",
        )
    ]


def budget_checks(library: Library, overrides: Overrides | None) -> list[Diagnostic]:
    """A ``--budget`` for a provider that does not exist would hold nothing back."""
    found = []
    for limit in overrides.budgets if overrides else ():
        if problem := unknown_provider(limit.provider, library.known):
            message, hint = problem
            place = Origin("--budget", 0, 0, "flag")
            found.append(Diagnostic(Severity.ERROR, "BB2110", message, place, hint=hint))
    return found
