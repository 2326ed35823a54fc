"""Bottles that the manifests do not declare any more and that still run: what an order or their
budget makes of them is carried out all the same, by what was last applied of them.

To remove them is for ``bb apply``, which is asked to. Without this, whoever can edit the manifests
would switch a freeze or a kill off.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from botbottle.former import Formers
from botbottle.ledger.api import Ledger
from botbottle.model import labels
from botbottle.model.bottle import BottleSpec, Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.model.resources import Observed
from botbottle.planner.draft import owned
from botbottle.planner.plan import states_of

AT_WORK = ("running", "paused", "restarting")


class Undeclared(Struct):
    """Looks them up."""

    _formers: Formers = field(default_factory=Formers)

    def specs(self, ledger: Ledger, declared: Declared, view: LedgerView) -> tuple[BottleSpec, ...]:
        """All of them, by name. None is to be started or made, whatever the ledger says meanwhile,
        so each is stopped as far as its manifest goes."""
        found = self._formers.of(ledger, declared, view.registered).specs
        return tuple(replace(spec, state="stopped") for spec in found)

    def unknown(self, ledger: Ledger, declared: Declared, view: LedgerView) -> tuple[str, ...]:
        """Names of those of which nothing that was applied is kept, or can be read."""
        return self._formers.of(ledger, declared, view.registered).unknown

    def held(self, ledger: Ledger, declared: Declared, view: LedgerView) -> tuple[BottleSpec, ...]:
        """Those that must not run. A cutoff is the sidecar's own work and needs nobody."""
        specs = self.specs(ledger, declared, view)
        states = states_of(replace(declared, bottles=specs), view)
        return tuple(s for s in specs if states[s.name].policy in ("freeze", "kill"))


def there(declared: Declared, specs: tuple[BottleSpec, ...], seen: Observed, home: str) -> Declared:
    """``declared`` with those of ``specs`` that have a container: of the others nothing is left
    that could be frozen or killed."""
    left = {bottle for bottle, _ in _containers(declared, seen, home)}
    more = tuple(spec for spec in specs if spec.name in left)
    return replace(declared, bottles=(*declared.bottles, *more)) if more else declared


def running(
    declared: Declared, names: Collection[str], seen: Observed, home: str
) -> tuple[str, ...]:
    """Those of ``names`` that have a container at work, sorted."""
    at_work = {bottle for bottle, state in _containers(declared, seen, home) if state in AT_WORK}
    return tuple(sorted(at_work & {*names}))


def _containers(declared: Declared, seen: Observed, home: str) -> Iterator[tuple[str, str]]:
    """(bottle, state) of each container of this project."""
    for c in seen.containers:
        if owned(c.labels, home, declared.project.id):
            yield c.labels.get(labels.BOTTLE, ""), c.state
