"""Everything one plan is made from."""

from __future__ import annotations

from msgspec import Struct

from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.model.resources import Observed
from botbottle.planner.facts import Facts


class Inputs(Struct, frozen=True, kw_only=True):
    """The arguments of ``planner.plan``. Secrets are in none of them: only keyed fingerprints."""

    declared: Declared
    observed: Observed
    view: LedgerView
    facts: Facts
