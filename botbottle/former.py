"""Bottles that the manifests do not declare any more and that still have an account: as they were
last applied. Their orders and budgets hold for them all the same.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from botbottle.model.bottle import BottleSpec, Declared, Project, Settings
from botbottle.model.decode import decode

if TYPE_CHECKING:
    from collections.abc import Collection

    from botbottle.ledger.api import Ledger

SETS = 50  # applied sets that are looked through for a bottle


class Former(Struct, frozen=True):
    """Bottles with an account that today's manifests do not declare: as they were last applied,
    and those of which no applied set is kept."""

    specs: tuple[BottleSpec, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted((*(spec.name for spec in self.specs), *self.unknown)))


def undeclared(declared: Declared, accounts: Collection[str]) -> frozenset[str]:
    """Names of the bottles of this project that are among ``accounts`` and not declared."""
    prefix = f"{declared.project.id}/"
    found = {key.removeprefix(prefix) for key in accounts if key.startswith(prefix)}
    return frozenset(found - {b.name for b in declared.bottles})


def former(ledger: Ledger, project: Project, missing: Collection[str]) -> Former:
    """What was last applied of the ``missing`` bottles. Raises LedgerError."""
    specs = _last_applied(ledger, project, missing)
    return Former(specs, tuple(sorted({*missing} - {spec.name for spec in specs})))


class Formers(Struct):
    """Looks them up again and again: what was applied is read anew only after another apply."""

    _known: tuple[frozenset[str], int] = (frozenset(), 0)
    _found: Former = Former()

    def of(self, ledger: Ledger, declared: Declared, accounts: Collection[str]) -> Former:
        """Those among ``accounts`` that ``declared`` lacks. Raises LedgerError."""
        missing = undeclared(declared, accounts)
        if not missing:
            return Former()
        newest = ledger.generations(declared.project.id, limit=1)
        known = missing, newest[0].id if newest else 0
        if known != self._known:
            self._found = former(ledger, declared.project, missing)
            self._known = known
        return self._found


def restore(document: str, project: Project) -> Declared:
    """The declared set inside a kept document. Raises KeyError, TypeError or ValueError for one
    that another bb wrote in another way."""
    data = json.loads(document)
    bottles = tuple(decode(BottleSpec, b) for b in data["bottles"])
    return Declared(project, bottles, decode(Settings, data["settings"]))


def _last_applied(
    ledger: Ledger, project: Project, names: Collection[str]
) -> tuple[BottleSpec, ...]:
    found: dict[str, BottleSpec] = {}
    for generation in ledger.generations(project.id, limit=SETS) if names else ():
        document = ledger.document(generation.digest) or "{}"
        with suppress(KeyError, TypeError, ValueError):
            for spec in restore(document, project).bottles:
                if spec.name in names:
                    found.setdefault(spec.name, spec)
        if len(found) == len(names):
            break
    return tuple(found[name] for name in sorted(found))
