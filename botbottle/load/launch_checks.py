"""What the home and the command line show before any manifest is read."""

from __future__ import annotations

from botbottle.load.budgets import unknown_provider
from botbottle.load.effective import Overrides
from botbottle.load.findings import did_you_mean
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
            hint=f"bb --home {found.home} init writes a starter; BB_HOME can name another",
        )
    ]


def flag_checks(library: Library, overrides: Overrides | None) -> list[Diagnostic]:
    """A ``--bottle`` that does not exist; a ``--budget`` for a provider that does not exist, which
    would hold nothing back."""
    found = []
    bottles = library.bottle_folder.entries
    for name in overrides.bottles if overrides else ():
        if name not in bottles:
            hint = did_you_mean(name, bottles)
            found.append(_wrong("--bottle", "BB2210", f"there is no bottle {name!r} at home", hint))
    for limit in overrides.budgets if overrides else ():
        if problem := unknown_provider(limit.provider, library.known):
            found.append(_wrong("--budget", "BB2110", *problem))
    return found


def _wrong(flag: str, code: str, message: str, hint: str) -> Diagnostic:
    return Diagnostic(Severity.ERROR, code, message, Origin(flag, 0, 0, "flag"), hint=hint)
