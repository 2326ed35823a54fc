"""``bb ledger restore``: a backup in the place of a damaged ledger, safely."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from pathlib import Path

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.context import Context
from botbottle.errors import Locked, UsageError
from botbottle.locking import operator
from botbottle.model.paths import HomePaths


def restore(context: Context, backup: Path, *, force: bool) -> int:
    """Check the backup, keep the present file aside, put the backup in its place. Raises Locked
    while the service answers or another bb works, unless ``force``."""
    from botbottle.ledger import open_ledger
    from botbottle.ledger.restoring import restore as put

    session = open_session(context)
    if load_declared(context, session).settings.ledger:
        raise UsageError(
            "the ledger is a PostgreSQL database",
            hint="restore it with the database's own tools, e.g. pg_restore",
        )
    place = session.paths.ledger_db
    with ExitStack() as stack:
        if not force:
            require_quiet(session.paths, stack)
        done = put(place, str(backup))
        with closing(open_ledger(place)) as ledger:
            detail = f"{backup.name}; before: {Path(done.kept).name or 'none'}"
            ledger.note_audit("restore", "ledger", by=operator(), detail=detail)
    last = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(done.newest)) if done.newest else "-"
    context.err.write(f"bb ledger: restored, {done.exchanges} exchanges, the newest of {last}\n")
    if done.kept:
        context.err.write(f"bb ledger: the file that was there is now {done.kept}\n")
    context.err.write(
        "bb ledger: what was spent, held or decided after the backup is not in it;"
        " look at it, then run `bb apply`\n"
    )
    return 0


def require_quiet(paths: HomePaths, stack: ExitStack) -> None:
    """Nobody uses the ledger, and until ``stack`` closes no bb starts to. Raises Locked."""
    from botbottle.control.adapter import ControlClient
    from botbottle.locking import project_lock
    from botbottle.planner.names import ledger_name

    if ControlClient(paths.socket_root).ledger_answers():
        raise Locked(
            "the ledger service is running",
            hint=f"stop it first: docker stop {ledger_name(paths.home_id)}",
        )
    for file in sorted(Path(paths.lock("x")).parent.glob("*.lock")):
        stack.enter_context(project_lock(str(file), "ledger restore"))
