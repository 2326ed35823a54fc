"""What several verbs share: the session behind a context, and reporting diagnostics."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from botbottle.cli.context import Context
from botbottle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from botbottle.ledger.api import Ledger
    from botbottle.load import Loaded, Overrides
    from botbottle.load.kept import Kept
    from botbottle.model.bottle import Declared
    from botbottle.session import Session


def open_session(
    context: Context, overrides: Overrides | None = None, project: str = "", *, ask: bool = False
) -> Session:
    """A reading session on the engine of this environment. ``project``: id of the one to act on,
    in place of that of the working directory. Raises UsageError for one that never was. ``ask``:
    a plan follows at once. The engine works on its lists while the rest is imported and the
    manifests are read: listing fifty bottles takes it as long as all of that."""
    from botbottle.engine.reader import connect

    engine = connect(context.environ)
    if ask:
        engine.begin()
    from botbottle.control.adapter import ControlClient
    from botbottle.model.paths import HomePaths
    from botbottle.session import Session

    made = Session(
        home=context.home,
        cwd=context.cwd,
        environ=context.environ,
        engine=engine,
        control=ControlClient(HomePaths(str(context.home)).socket_root),
        overrides=overrides,
    )
    if project:
        _act_on(context, made, project)
    return made


def _act_on(context: Context, session: Session, project: str) -> None:
    """Its folder may be gone: what holds then is what was applied."""
    from botbottle.load.layers import layers
    from botbottle.manifests import Undeclared
    from botbottle.places import known

    if project not in (ids := known(session.paths)):
        raise unknown(project, ids, "project", f"known are {', '.join(ids) or 'none'}")
    if project != layers(context.home, context.cwd).project_id.id:
        session.manifests = Undeclared(context.home, project)


def load_declared(context: Context, session: Session) -> Declared:
    """What everything declares, as kept where nothing has changed since, else loaded. Shows every
    finding on stderr, raises ManifestError on errors."""
    from botbottle.session import declared_or_raise

    if (kept := session.manifests.recall()) is not None:
        show_diagnostics(context, kept)
        return kept.declared
    loaded = session.load()
    show_diagnostics(context, loaded)
    return declared_or_raise(loaded)


@contextmanager
def declared_ledger(context: Context) -> Iterator[tuple[Declared, Ledger]]:
    """What everything declares and the ledger it names, for reading; closed at the end."""
    session = open_session(context)
    declared = load_declared(context, session)
    with closing(session.open_ledger(declared)) as ledger:
        yield declared, ledger


def known_bottles(declared: Declared, names: Iterable[str]) -> tuple[str, ...]:
    """The names, if the manifests declare each. Raises UsageError with the nearest name."""
    known = [b.name for b in declared.bottles]
    for name in (wanted := tuple(names)):
        if name not in known:
            raise unknown(name, known, "bottle", "bb list shows the names")
    return wanted


def unknown(word: str, known: Any, what: str, otherwise: str, before: str = "") -> UsageError:
    """The error for a word that is not one of ``known``, with the nearest one; ``before``: what a
    command has in front of it."""
    import difflib

    close = difflib.get_close_matches(word, list(known), 1)
    hint = f"did you mean {before}{close[0]}?" if close else otherwise
    return UsageError(f"there is no {what} {word!r}", hint=hint)


def named_or_all(context: Context, names: Sequence[str], *, everyone: bool) -> None:
    """An order names its bottles, or is for all of them. Raises UsageError."""
    if bool(names) != everyone:
        return
    each = "bb status shows the names"
    hint = "leave one of the two out" if names else f"{context.again('', '--all')}\n{each}"
    raise UsageError("name the bottles, or say --all", hint=hint)


def show_diagnostics(context: Context, loaded: Loaded | Kept) -> None:
    """Warnings and errors with their places."""
    if not loaded.diagnostics:
        return
    from botbottle.load.render import text

    context.err.write(text(loaded.diagnostics))
