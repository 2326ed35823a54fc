"""``python -m botbottle.sidecar.ledger --db FILE|URL --sockets DIR``: run until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

from botbottle import __version__, errors
from botbottle.ledger.api import Ledger
from botbottle.ledger.opening import open_ledger
from botbottle.sidecar.ledger.descriptors import raised
from botbottle.sidecar.ledger.follow import Follower
from botbottle.sidecar.ledger.probe import Probe
from botbottle.sidecar.ledger.rates import Rates
from botbottle.sidecar.ledger.service import Service
from botbottle.sidecar.ledger.sockets import Doors

OPEN_RETRY_SECONDS = 1.0
BUSY_SECONDS = 2.0  # how long a batch waits for another writer before it is refused


def log(event: str, data: dict[str, Any]) -> None:
    """One JSON line on stderr."""
    line = {"ts": round(time.time(), 3), "event": event, **data}
    sys.stderr.write(json.dumps(line) + "\n")
    sys.stderr.flush()


async def serve(where: str, root: Path, stop: asyncio.Event) -> None:
    """Serve until ``stop``. While the ledger cannot be opened there are no sockets of bottles,
    which every client takes as a refusal. When another file takes its place, that is opened."""
    probe = Probe(root)
    try:
        while (ledger := await _opened(where, probe, stop)) is not None:
            try:
                await probe.open()
                await _serve(ledger, root, probe, stop)
            finally:
                ledger.close()
                log("stopped", {})
    finally:
        probe.close()


async def _serve(ledger: Ledger, root: Path, probe: Probe, stop: asyncio.Event) -> None:
    rates = Rates()
    service = Service(ledger, rates=rates, log=log, works=probe.works)
    descriptors = raised()
    doors = Doors(service, root, rates.connections, descriptors)
    log("started", {"version": __version__, "descriptors": descriptors.limit})
    try:
        await Follower(ledger, doors, probe, log).run(stop)
    finally:
        doors.close()


async def _opened(where: str, probe: Probe, stop: asyncio.Event) -> Ledger | None:
    """The ledger, as soon as it can be opened; a password that is handed over is tried at once."""
    password, said, again, probe.why = probe.used, "", probe.opened, "starting"
    while not stop.is_set():
        try:
            ledger = open_ledger(
                where, create=not again, busy_seconds=BUSY_SECONDS, password=password
            )
        except errors.LedgerTooNew:
            raise
        except errors.LedgerError as error:
            await probe.open()
            if str(error) != said:
                said = probe.why = str(error)
                log("unavailable", {"error": said, "code": error.code, "hint": error.hint})
            await probe.handed(OPEN_RETRY_SECONDS)
            password = probe.take() or password
        else:
            probe.use(ledger.password)
            probe.why, probe.opened = "", True
            return ledger
    return None


def only_one(root: Path, seconds: float = 10.0) -> int:
    """The lock that makes this the only service of ``root``; a predecessor that is still
    stopping is waited for. Raises errors.Locked."""
    root.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle = os.open(root / ".service.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(handle)
                raise errors.Locked(
                    "another ledger service serves this directory", where=str(root)
                ) from None
            time.sleep(0.02)


async def _main(where: str, root: Path) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(where, root, stop)


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where it is installed (the sidecar image has it), which halves the cost of
    sockets. What is alive now stays alive: the garbage collector need not look at it again."""
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code is the error's."""
    parser = argparse.ArgumentParser(prog="botbottle.sidecar.ledger", description=__doc__)
    parser.add_argument("--db", default=os.environ.get("BB_LEDGER", ""), help="file or URL")
    parser.add_argument("--sockets", required=True, type=Path, help="directory of the sockets")
    options = parser.parse_args(argv)
    try:
        if not options.db:
            raise errors.UsageError("--db or BB_LEDGER is needed")
        handle = only_one(options.sockets)
        try:
            _run(_main(options.db, options.sockets))
        finally:
            os.close(handle)
    except errors.BBError as error:
        log("failed", {"error": str(error), "code": error.code, "hint": error.hint})
        return errors.exit_code_for(error)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
