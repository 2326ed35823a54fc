"""What ``bb watch`` is put together from."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import Struct

from botbottle.cli.context import Context
from botbottle.control.adapter import ControlClient
from botbottle.engine.api import EngineWrite
from botbottle.model.bottle import Declared
from botbottle.session import Session
from botbottle.ui.events import Event
from botbottle.ui.progress import Lasting, json_lines, kept_in
from botbottle.watch.heartbeat import Heartbeat, systemd
from botbottle.watch.log import Log, LogFile, lines, log_path, op_record
from botbottle.watch.loop import Watch
from botbottle.watch.notifier import Notifier, Sender
from botbottle.watch.select import Decision, Level
from botbottle.watch.sources import EngineEvents, Manifests
from botbottle.watch.world import LiveWorld


class Options(Struct, frozen=True, kw_only=True):
    """The verb's own options."""

    level: Level = "safe"
    record: Path | None = None
    metrics: str = ""
    heartbeat: Path | None = None


@dataclass(slots=True)
class Parts:
    """A watch, ready to run. ``ending`` closes what was opened, newest first."""

    context: Context
    session: Session
    declared: Declared
    options: Options
    cancelled: Callable[[], bool]
    ending: ExitStack
    sinks: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    deciding: list[Callable[[Decision], None]] = field(default_factory=list)
    log: Log = field(init=False)
    heartbeat: Heartbeat = field(init=False)
    world: LiveWorld = field(init=False)
    loop: Watch = field(init=False)
    events: EngineEvents = field(init=False)

    def decided(self, decision: Decision) -> None:
        """Pass a decision on to the recorder and the metrics."""
        for tell in self.deciding:
            tell(decision)


def build(
    context: Context,
    session: Session,
    declared: Declared,
    options: Options,
    cancelled: Callable[[], bool],
    ending: ExitStack,
) -> Parts:
    """Everything but the right to enforce, which ``world.take`` asks for. The order matters at
    the end: the log is closed last, and the lease is given back before the lock."""
    parts = Parts(context, session, declared, options, cancelled, ending)
    _log(parts)
    parts.heartbeat = Heartbeat(options.heartbeat, systemd(context.environ))
    parts.world = _world(parts)
    ending.callback(parts.world.close)
    parts.loop = Watch(
        parts.world,
        time.monotonic,
        random.random,
        parts.log,
        options.level,
        declared=declared,
        alive=parts.heartbeat.beat,
        decided=parts.decided,
    )
    parts.events = EngineEvents(
        session.engine,
        parts.loop.queue.add,
        declared.project.id,
        parts.log,
        home=session.paths.home_id,
    )
    _notices(parts)
    _recorder(parts)
    _metrics(parts)
    return parts


def _log(parts: Parts) -> None:
    """To the terminal, and to the file that followers read. The list of sinks may still grow."""
    context = parts.context
    people = context.err.isatty() and context.progress_mode != "json"
    file = LogFile(log_path(context.home, parts.declared.project.id))
    parts.ending.callback(file.close)
    parts.sinks += [lines(context.err, text=people), file]
    parts.log = Log(parts.sinks)


def _world(parts: Parts) -> LiveWorld:
    context, session, project = parts.context, parts.session, parts.declared.project.id

    root = parts.declared.project.root
    folders = [context.home, *([Path(root) / ".bot-bottle"] if root else [])]
    session.ledger = session.open_ledger(parts.declared, write=True)
    return LiveWorld(
        session=session,
        engine=writing(context),
        control=ControlClient(session.paths.socket_root),
        ledger=session.ledger,
        manifests=Manifests(folders),
        project=project,
        emit=_emitter(parts),
        cancelled=parts.cancelled,
        resume_dir=Path(session.paths.home) / "run/watch" / project,
        raises=parts.options.level == "all",
    )


def writing(context: Context) -> Callable[[], EngineWrite]:
    """The engine for writing, made when there is something to write: a remote engine needs the
    docker SDK, which is heavier than all the rest of a watch."""

    @functools.cache
    def engine() -> EngineWrite:
        from botbottle.engine.docker import connect

        return connect(context.environ)

    return engine


def _emitter(parts: Parts) -> Callable[[Event], None]:
    """Events of a run: progress, the log, and a sign of life."""
    shown = list(_shown(parts))

    def emit(event: Event) -> None:
        parts.heartbeat.beat()
        record = op_record(event)
        if record is not None:
            parts.log(record)
        for show in shown:
            show(event)

    return emit


def _shown(parts: Parts) -> Iterator[Callable[[Event], None]]:
    """Where events go beside the log, which people read: as JSON lines on standard error and into
    the file of ``--events``."""
    context = parts.context
    if context.progress_mode == "json" or context.events == "-":
        yield Lasting(json_lines(context.err))
    if context.events not in ("", "-"):
        yield parts.ending.enter_context(kept_in(context.events, context.err))


def _notices(parts: Parts) -> None:
    """Tell people what the settings ask for; a bell where a terminal looks on."""
    err, loop = parts.context.err, parts.loop

    def bell() -> None:
        if err.isatty():
            err.write("\a")

    sender = Sender(parts.context.environ, parts.log, bell)
    parts.ending.callback(sender.close)
    world = parts.world
    notifier = Notifier(world.ledger, sender.put, parts.log, lambda: world.changes)
    loop.notify = notifier.look


def _recorder(parts: Parts) -> None:
    if parts.options.record is None:
        return
    from botbottle.watch.record import Recorder

    recorder = Recorder(parts.options.record, parts.declared.project.id, parts.log)
    parts.ending.callback(recorder.close)
    parts.world.saw = recorder.saw
    parts.deciding.append(lambda decision: recorder.decided(parts.loop.passes, decision))
    parts.sinks.append(recorder.record)


def _metrics(parts: Parts) -> None:
    if not parts.options.metrics:
        return
    from botbottle.watch.metrics import Metrics
    from botbottle.watch.serving import MetricsServer, address_of

    host, port = address_of(parts.options.metrics)
    loop, events = parts.loop, parts.events
    metrics = Metrics(
        {
            "bb_watch_engine_connected": (
                "Whether the engine's event stream is open.",
                lambda: int(events.connected),
            ),
            "bb_watch_manifests_valid": (
                "0 while broken manifests keep older ones in force.",
                lambda: int(not loop.stale),
            ),
            "bb_watch_damped_bottles": (
                "Bottles whose repair was given up.",
                lambda: len(loop.damper.bottles),
            ),
            "bb_watch_bottles": (
                "Declared bottles.",
                lambda: len(loop.declared.bottles) if loop.declared else 0,
            ),
        }
    )
    parts.sinks.append(metrics.record)
    parts.deciding.append(metrics.decided)
    server = MetricsServer(host, port, metrics.text)
    parts.ending.callback(server.close)
    parts.log({"event": "metrics", "address": f"{host}:{server.port}"})
