"""``bb watch``: keep it so."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from botbottle.cli.common import load_declared, open_session
from botbottle.cli.context import Context
from botbottle.errors import Exit, Locked, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from botbottle.model.bottle import Declared
    from botbottle.session import Session
    from botbottle.watch.loop import Watch
    from botbottle.watch.notifier import Sender
    from botbottle.watch.world import LiveWorld

LEVELS = ("none", "safe", "all")


def register(app: typer.Typer) -> None:
    @app.command()
    def watch(
        ctx: typer.Context,
        once: Annotated[bool, typer.Option("--once", help="One pass, then exit.")] = False,
        auto: Annotated[
            str, typer.Option("--auto-apply", help="none, safe (no widening), or all.")
        ] = "safe",
    ) -> int:
        """Keep it so: repair drift and enforce budgets."""
        context: Context = ctx.obj
        if auto not in LEVELS:
            raise UsageError(f"--auto-apply {auto}: not one of {', '.join(LEVELS)}")
        session = open_session(context)
        declared = load_declared(context, session)
        return start(context, session, declared, once=once, level=auto)


def start(context: Context, session: Session, declared: Declared, *, once: bool, level: str) -> int:
    """Take the right to enforce and loop; only one watch a project."""
    from botbottle.applying import prepare_home
    from botbottle.locking import project_lock
    from botbottle.watch.sources import PROJECT, EngineEvents

    stop: list[int] = []
    prepare_home(session.paths)
    lock = session.paths.lock(f"{declared.project.id}.watch")
    with project_lock(lock, "watch", timeout=context.lock_timeout):
        world = live_world(context, session, declared, lambda: bool(stop))
        loop = make_loop(context, world, declared, level)
        sender = notifying(context, world, loop)
        on_signals(stop, loop)
        events = EngineEvents(session.engine, loop.queue.add, declared.project.id)
        try:
            if once:
                return one_pass(loop)
            events.start()
            loop.queue.add(PROJECT)
            loop.run(lambda: bool(stop))
        finally:
            events.stop()
            sender.close()
            world.close()
    if loop.lost:
        raise Locked("another watch took over this project", hint="bb status shows its effect")
    return int(Exit.OK)


def one_pass(loop: Watch) -> int:
    """Load, plan and carry out once; 1 when something failed."""
    result = loop.step(0.0)
    failed = loop.passes == 0 or (result is not None and not result.ok)
    return int(Exit.FAILURE) if failed else int(Exit.OK)


def live_world(
    context: Context, session: Session, declared: Declared, cancelled: Callable[[], bool]
) -> LiveWorld:
    from botbottle.control.adapter import ControlClient
    from botbottle.engine.docker import connect
    from botbottle.load import find_project
    from botbottle.ui.progress import renderer
    from botbottle.watch.sources import Manifests
    from botbottle.watch.world import LiveWorld

    def roots() -> list[Path]:
        project = find_project(context.cwd)
        return [context.home, *([project / ".bot-bottle"] if project else [])]

    ledger = session.open_ledger(declared, write=True)
    session.ledger = ledger
    quiet = "json" if context.progress_mode == "json" else "quiet"
    return LiveWorld(
        session=session,
        engine=connect(context.environ),
        control=ControlClient(session.paths.socket_root),
        ledger=ledger,
        manifests=Manifests(roots),
        lease_name=f"watch/{declared.project.id}",
        emit=renderer(quiet, context.err),  # type: ignore[arg-type]  # one of the modes
        cancelled=cancelled,
        resume_dir=Path(session.paths.home) / "run/watch" / declared.project.id,
    )


def make_loop(context: Context, world: LiveWorld, declared: Declared, level: str) -> Watch:
    from botbottle.watch.loop import Watch

    def log(record: dict[str, Any]) -> None:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        context.err.write(json.dumps({"ts": stamp, **record}) + "\n")
        context.err.flush()

    return Watch(
        world,
        time.monotonic,
        random.random,
        log,
        level,  # type: ignore[arg-type]  # checked against LEVELS
        declared=declared,
    )


def notifying(context: Context, world: LiveWorld, loop: Watch) -> Sender:
    """Let the loop tell people what the settings ask for; a bell where a terminal looks on."""
    from botbottle.watch.notifier import Notifier, Sender

    def bell() -> None:
        if context.err.isatty():
            context.err.write("\a")

    sender = Sender(context.environ, loop.log, bell)
    loop.notify = Notifier(world.ledger, sender.put, loop.log).look
    return sender


def on_signals(stop: list[int], loop: Watch) -> None:
    """SIGTERM and SIGINT finish the operation in flight; SIGHUP reads everything again."""
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    signal.signal(signal.SIGINT, lambda number, _: stop.append(number))
    signal.signal(signal.SIGHUP, lambda *_: loop.reload())
