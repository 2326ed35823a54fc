"""Bottles that the manifests do not declare any more and that still run: what an order or their
budget makes of them is carried out all the same, by what was last applied of them.

To remove them is for ``bb apply``, which is asked to. Without this, whoever can edit the manifests
would switch a freeze or a kill off.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from botbottle.former import former, undeclared
from botbottle.ledger.api import Ledger
from botbottle.model import labels
from botbottle.model.bottle import BottleSpec, Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.model.resources import Observed
from botbottle.planner.draft import owned
from botbottle.planner.plan import states_of


class Undeclared(Struct):
    """Looks them up; what was applied is read again only after another apply."""

    _known: tuple[frozenset[str], int] = (frozenset(), 0)
    _specs: tuple[BottleSpec, ...] = ()

    def specs(self, ledger: Ledger, declared: Declared, view: LedgerView) -> tuple[BottleSpec, ...]:
        """All of them, by name. None is to be started or made, whatever the ledger says meanwhile,
        so each is stopped as far as its manifest goes."""
        missing = undeclared(declared, view.registered)
        if not missing:
            return ()
        newest = ledger.generations(declared.project.id, limit=1)
        known = missing, newest[0].id if newest else 0
        if known != self._known:
            found = former(ledger, declared.project, missing).specs
            self._specs = tuple(replace(spec, state="stopped") for spec in found)
            self._known = known
        return self._specs

    def held(self, ledger: Ledger, declared: Declared, view: LedgerView) -> tuple[BottleSpec, ...]:
        """Those that must not run. A cutoff is the sidecar's own work and needs nobody."""
        specs = self.specs(ledger, declared, view)
        states = states_of(replace(declared, bottles=specs), view)
        return tuple(s for s in specs if states[s.name].policy in ("freeze", "kill"))


def there(declared: Declared, specs: tuple[BottleSpec, ...], seen: Observed, home: str) -> Declared:
    """``declared`` with those of ``specs`` that have a container: of the others nothing is left
    that could be frozen or killed."""
    project = declared.project.id
    left = {
        c.labels.get(labels.BOTTLE, "") for c in seen.containers if owned(c.labels, home, project)
    }
    more = tuple(spec for spec in specs if spec.name in left)
    return replace(declared, bottles=(*declared.bottles, *more)) if more else declared
