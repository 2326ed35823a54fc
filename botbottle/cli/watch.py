"""``bb watch``: keep it so."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.context import Context
from botbottle.cli.options import Invocation, Option
from botbottle.errors import BBError, Exit, Locked, UsageError

if TYPE_CHECKING:
    from botbottle.cli.watch_parts import Options, Parts
    from botbottle.watch.loop import Watch
    from botbottle.watch.select import Level

LEVELS: tuple[Level, ...] = ("none", "safe", "all")


def watch(
    ctx: Invocation,
    once: Annotated[bool, Option("--once", help="One pass, then exit.")] = False,
    auto: Annotated[str, Option("--auto-apply", help="none, safe (no widening), or all.")] = "safe",
    follow: Annotated[
        bool,
        Option("--follow", help="Only show what the enforcing watch does; reads only."),
    ] = False,
    record: Annotated[
        Path | None,
        Option("--record", help="Write inputs and decisions here, for bb replay."),
    ] = None,
    metrics: Annotated[
        str,
        Option("--metrics", help="Serve Prometheus metrics on a loopback [HOST:]PORT."),
    ] = "",
    heartbeat: Annotated[
        Path | None,
        Option("--heartbeat", help="Touch this file while the loop turns."),
    ] = None,
) -> int:
    """Keep it so: repair drift and enforce budgets."""
    from botbottle.cli.watch_parts import Options

    context = ctx.obj
    level = level_of(auto)
    if follow:
        refuse_with_follow(once=once, record=bool(record), metrics=bool(metrics))
        context.without_events("watch --follow")
        from botbottle.cli.watch_follow import follow_project

        return follow_project(context)
    options = Options(
        level=level,
        record=context.appended(record) if record else None,
        metrics=metrics,
        heartbeat=beating(context, heartbeat) if heartbeat else None,
    )
    return start(context, options, once=once)


def beating(context: Context, file: Path) -> Path:
    """The heartbeat's file. Raises UsageError where none can be: a supervisor would wait for it,
    and beats themselves never fail."""
    path = context.product(file)
    try:
        with os.scandir(path.parent):  # it is there, and a folder
            pass
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UsageError(f"--heartbeat {file}: {error.strerror}") from error
    return path


def level_of(text: str) -> Level:
    """One of LEVELS. Raises UsageError."""
    for level in LEVELS:
        if text == level:
            return level
    raise UsageError(f"--auto-apply {text}: not one of {', '.join(LEVELS)}")


def refuse_with_follow(**given: bool) -> None:
    """A follower does nothing of its own."""
    for name in (n for n, used in given.items() if used):
        raise UsageError(f"--follow only shows what another watch does: leave out --{name}")


def start(context: Context, options: Options, *, once: bool) -> int:
    """Take the right to enforce and loop; only one watch a project."""
    from botbottle.applying import prepare_home
    from botbottle.cli.watch_parts import build

    session = open_session(context)
    declared = load_declared(context, session)
    stop: list[int] = []
    prepare_home(session.paths)
    lock = session.paths.lock(f"{declared.project.id}.watch")
    with ExitStack() as ending:
        ending.enter_context(watch_lock(lock, context.lock_timeout))
        parts = build(context, session, declared, options, lambda: bool(stop), ending)
        on_signals(stop, parts.loop)
        if who := parts.world.take():
            raise Locked(f"{who} enforces this project", hint="bb watch --follow reads along")
        if once:
            return one_pass(parts.loop, lambda: bool(stop))
        run(parts, lambda: bool(stop))
    if parts.loop.lost:
        raise Locked("another watch took over this project", hint="bb watch --follow reads along")
    return int(Exit.OK)


@contextmanager
def watch_lock(path: str, timeout: float) -> Iterator[None]:
    """The lock that the enforcing watch holds all the time. Raises Locked, naming the holder."""
    from botbottle.locking import holder, project_lock

    with ExitStack() as held:
        try:
            held.enter_context(project_lock(path, "watch", timeout=timeout))
        except Locked as error:
            raise Locked(
                f"this project is watched already: {holder(Path(path))}",
                hint="bb watch --follow reads along",
            ) from error
        yield


def run(parts: Parts, stopped: Callable[[], bool]) -> None:
    """Loop until told to stop or another watch enforces."""
    from botbottle.watch.sources import PROJECT

    loop = parts.loop
    loop.log({"event": "started", "level": "info", "auto_apply": loop.level})
    parts.events.start()
    loop.queue.add(PROJECT)
    parts.heartbeat.ready()
    try:
        loop.run(stopped)
    finally:
        parts.heartbeat.stopping()
        parts.events.stop()
        loop.log({"event": "stopped", "passes": loop.passes, "lost": loop.lost})


def one_pass(loop: Watch, stopped: Callable[[], bool]) -> int:
    """Look and carry out once, and again while a sidecar that should refuse may only be late.
    Raises what held it up; 1 when an operation or a part failed."""
    from botbottle.watch.loop import TICK
    from botbottle.watch.silence import ENOUGH

    begun = loop.clock()
    results = [loop.step(0.0)]
    while loop.unheard and loop.error is None and not (loop.lost or stopped()):
        if loop.clock() - begun > ENOUGH:
            break
        results.append(loop.step(TICK))
    done = [result for result in results if result is not None]
    if not done and isinstance(loop.error, BBError):
        raise loop.error
    failed = loop.passes == 0 or loop.error is not None or bool(loop.unheard)
    return int(Exit.FAILURE) if failed or not all(r.ok for r in done) else int(Exit.OK)


def on_signals(stop: list[int], loop: Watch) -> None:
    """SIGTERM and SIGINT finish the operation in flight; SIGHUP reads everything again. These
    handlers only leave marks, because they may interrupt the loop anywhere. A second SIGTERM or
    SIGINT ends the process where it stands: what it was doing is in the journal, its locks go with
    it, and the next pass of anybody looks at what is there. A SIGHUP that comes because the
    terminal is gone ends it in order: nobody would find it again."""
    terminal = os.isatty(0)

    def ending(number: int, _frame: object) -> None:
        if stop:
            os._exit(int(Exit.INTERRUPTED))
        stop.append(number)

    def hung_up(number: int, _frame: object) -> None:
        if terminal and not os.isatty(0):
            stop.append(number)
        loop.reload()

    signal.signal(signal.SIGTERM, ending)
    signal.signal(signal.SIGINT, ending)
    signal.signal(signal.SIGHUP, hung_up)
