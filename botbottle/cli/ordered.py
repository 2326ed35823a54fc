"""Whom an order reaches: every bottle that has an account, whatever the manifests say today.

An order is the emergency stop, so whoever can edit the manifests must not be able to switch it
off. A bottle that they do not declare any more, and each of them while a manifest is broken, is
ordered by what was last applied of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from botbottle.cli.common import named_or_all, open_session, show_diagnostics, unknown
from botbottle.cli.context import Context
from botbottle.errors import BBError, Refused
from botbottle.former import Former as Former  # for bb status, too
from botbottle.former import former, undeclared

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from botbottle.load import Loaded
    from botbottle.model.bottle import Declared
    from botbottle.session import Session


class Reached(Struct, frozen=True):
    """An order's session, today's manifests with the bottles that they lack, and the named ones, at
    least one. ``broken``: the manifests could not be read; nothing is kept as applied from them."""

    session: Session
    declared: Declared
    names: tuple[str, ...]
    broken: bool = False


def reached(context: Context, names: Sequence[str], everyone: bool, project: str = "") -> Reached:
    """Whom an order reaches. Raises UsageError for unknown names, Refused where all are none,
    ManifestError where manifests are broken and nothing was ever applied."""
    named_or_all(context, names, everyone=everyone)
    from botbottle.session import declared_or_raise

    session = open_session(context, project=project)
    declared, broken = today(context, session)
    here = {b.name for b in declared.bottles}
    gone, trouble = Former(), None
    if everyone or not here.issuperset(names):  # else nothing is read that may fail or hang
        try:
            gone = former_of(session, declared)
        except BBError as error:  # whoever is declared is ordered all the same
            trouble = error
    if broken is not None and not gone.names:
        declared_or_raise(broken)
    known = sorted({*here, *gone.names})
    for name in names:
        if name not in known:
            raise trouble or unknown(name, known, "bottle", "bb status shows the names")
    chosen = tuple(names) if names else tuple(known)
    if not chosen:  # an order for none would be a plan of everything
        raise Refused(
            "the manifests declare no bottle",
            code="BB7001",
            hint="bb destroy removes what is not declared any more",
        )
    _say(context, gone, chosen, broken=broken is not None)
    whole = replace(declared, bottles=(*declared.bottles, *gone.specs))
    return Reached(session, whole, chosen, broken is not None)


def today(context: Context, session: Session) -> tuple[Declared, Loaded | None]:
    """What everything declares. Broken manifests declare nothing, and come along."""
    from botbottle.model.bottle import Declared

    if (kept := session.manifests.recall()) is not None:
        show_diagnostics(context, kept)
        return kept.declared, None
    loaded = session.load()
    show_diagnostics(context, loaded)
    if loaded.declared is not None:
        return loaded.declared, None
    return Declared(loaded.layers.project_id, (), loaded.settings), loaded


def former_of(session: Session, declared: Declared) -> Former:
    """The bottles of this project that have an account and are not declared."""
    ledger = session.reading(declared)
    if ledger is None:
        return Former()
    missing = undeclared(declared, session.view(declared).registered)
    return former(ledger, declared.project, missing)


def _say(context: Context, former: Former, chosen: Collection[str], *, broken: bool) -> None:
    if broken:
        context.err.write("bb: the manifests are broken; the order goes by what was last applied\n")
        return
    for name in sorted({*chosen} & {*former.names}):
        how = "the order goes by what was last applied of it"
        if name in former.unknown:
            how = "it is held and cut off; bb apply removes it"
        context.err.write(f"bb: {name} is not declared any more; {how}\n")
