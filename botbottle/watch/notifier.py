"""Telling: a reader of the ledger, and a sender in a thread of its own with a bounded queue.

Nothing here can hold up enforcement: reading happens at most once a second and is bounded, a
full queue drops notices (and says so), a command or webhook that hangs is given up.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import shlex
import signal
import subprocess
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, Any

from msgspec import Struct, field

from botbottle.errors import BBError
from botbottle.ledger.api import Ledger
from botbottle.ledger.records import EventKind, LedgerEvent
from botbottle.model.bottle import Declared, Settings
from botbottle.watch.notify import BURST_SECONDS, Moment, Notice, notices

EVERY = 1.0  # seconds between readings
QUIET = 30.0  # seconds after which a ledger that did not change is read all the same (windows end)
WAITING = 100  # notices in the queue
COMMAND_SECONDS = 5.0
WEBHOOK_SECONDS = 2.0  # for each step of a call
WEBHOOK_WHOLE = 5.0
EVENTS = 200  # denials read at a time
# A notification program needs these to reach a desktop; it gets no credential of the host.
PASSED_ON = ("PATH", "HOME", "LANG", "DISPLAY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR",
             "DBUS_SESSION_BUS_ADDRESS")  # fmt: skip

type Log = Callable[[dict[str, Any]], None]


class Notifier(Struct):
    """Reads the ledger when ``version`` moved and hands what is new to ``send``."""

    ledger: Ledger
    send: Callable[[Notice, Settings], None]
    log: Log
    version: Callable[[], int]
    clock: Callable[[], float] = time.time
    _told: frozenset[str] = frozenset()
    _next: float = 0.0
    _again: float = 0.0
    _version: int = -1
    _blind: bool = False
    _last: dict[EventKind, int] = field(default_factory=dict)  # newest event that was read
    _denied: dict[str, deque[float]] = field(default_factory=dict)
    _alarmed: dict[tuple[str, str], LedgerEvent] = field(default_factory=dict)

    def look(self, declared: Declared) -> None:
        """Tell what is new; at most once in EVERY seconds. Never raises for a ledger in trouble:
        enforcement reports that by itself."""
        now = self.clock()
        if now < self._next:
            return
        self._next = now + EVERY
        try:
            if not self._worth_reading(now):
                return
            moment = self._read(declared, now)
        except BBError as error:
            if not self._blind:
                self.log({"event": "notify-blind", "level": "warning", "code": error.code})
            self._blind = True
            return
        self._blind = False
        new, self._told = notices(declared, moment, self._told)
        for notice in new:
            self.log({"event": "notice", "kind": notice.kind, "text": notice.text})
            self.send(notice, declared.settings)

    def _worth_reading(self, now: float) -> bool:
        version = self.version()
        if version == self._version and now < self._again:
            return False
        self._version, self._again = version, now + QUIET
        return True

    def _read(self, declared: Declared, now: float) -> Moment:
        for event in self._new("denial"):
            self._denied.setdefault(event.account, deque(maxlen=EVENTS)).append(event.at)
        for event in self._new("alarm"):
            self._alarmed[event.account, str(event.data.get("code"))] = event
        self._alarmed = {k: e for k, e in self._alarmed.items() if e.at > now - BURST_SECONDS}
        pending = self.ledger.proposals(status="pending", now=now)
        return Moment(
            self.ledger.view(now),
            {name: sum(at > now - BURST_SECONDS for at in d) for name, d in self._denied.items()},
            tuple((p.id, p.account, p.kind) for p in pending),
            {key: str(event.data.get("message")) for key, event in self._alarmed.items()},
        )

    def _new(self, kind: EventKind) -> list[LedgerEvent]:
        """Since the last reading. When more came than are read at a time, the newest: one that
        falls behind would count what is long over."""
        last = self._last.get(kind, 0)
        page = self.ledger.events(kind=kind, after=last, limit=EVENTS)
        if last and len(page) == EVENTS:
            page = self.ledger.events(kind=kind, after=0, limit=EVENTS)
        self._last[kind] = max((event.id for event in page), default=last)
        return [event for event in page if event.id > last]


class Sender:
    """Runs the command and calls the webhook of the settings, one notice at a time. A webhook
    that keeps an answer dripping is left to itself; while it does, no other is called."""

    def __init__(
        self, environ: Mapping[str, str], log: Log, bell: Callable[[], None] = lambda: None
    ) -> None:
        self.dropped = 0
        self._environ = {k: environ[k] for k in PASSED_ON if k in environ}
        self._log = log
        self._bell = bell
        self._queue: queue.Queue[tuple[Notice, Settings] | None] = queue.Queue(WAITING)
        self._calling: threading.Thread | None = None
        self._thread = threading.Thread(target=self._run, name="bb-notify", daemon=True)
        self._thread.start()

    def put(self, notice: Notice, settings: Settings) -> None:
        """Queue a notice; with a full queue it is dropped. Never waits."""
        self._bell()
        if not (settings.notify_command or settings.notify_webhook):
            return
        try:
            self._queue.put_nowait((notice, settings))
        except queue.Full:
            self.dropped += 1
            self._log({"event": "notice-dropped", "level": "warning", "dropped": self.dropped})

    def close(self, seconds: float = 3.0) -> None:
        """Send what waits, for at most ``seconds``."""
        try:
            self._queue.put_nowait(None)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            notice, settings = item
            body = json.dumps(notice.wire(time.time())).encode()
            for what, act in (
                (settings.notify_command, self._command),
                (settings.notify_webhook, self._webhook),
            ):
                if what:
                    self._try(what, act, body)

    def _try(self, what: str, act: Callable[[str, bytes], None], body: bytes) -> None:
        try:
            act(what, body)
        except (
            OSError,
            ValueError,
            subprocess.SubprocessError,
            http.client.HTTPException,
        ) as error:
            # The address may hold a token: the log gets the kind of failure only.
            self._log({"event": "notify-failed", "level": "warning", "why": type(error).__name__})

    def _command(self, command: str, body: bytes) -> None:
        """Run without a shell, the notice on standard input. One that is given up ends with
        all that it has started. Raises on failure."""
        with subprocess.Popen(
            shlex.split(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environ,
            start_new_session=True,
        ) as process:
            try:
                process.communicate(body, COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # not reaped yet: its id is its own still
                raise
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, "notify_command")

    def _webhook(self, address: str, body: bytes) -> None:
        """Call it in a thread that is waited for only so long. Raises on failure."""
        if self._calling is not None and self._calling.is_alive():
            raise TimeoutError("the last call has not ended yet")
        failed: list[Exception] = []

        def call() -> None:
            try:
                webhook(address, body)
            except (OSError, ValueError, http.client.HTTPException) as error:
                failed.append(error)

        self._calling = threading.Thread(target=call, name="bb-webhook", daemon=True)
        self._calling.start()
        self._calling.join(WEBHOOK_WHOLE)
        if self._calling.is_alive():
            raise TimeoutError("no whole answer in time")
        if failed:
            raise failed[0]


class _Straight(urllib.request.HTTPRedirectHandler):
    """A webhook goes where the operator said and nowhere else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any,
        newurl: str,
    ) -> None:  # fmt: skip
        return None


def webhook(address: str, body: bytes) -> None:
    """POST JSON. Raises OSError on any failure, ValueError for another scheme than HTTP(S)."""
    if not address.startswith(("https://", "http://")):
        raise ValueError("not an HTTP address")
    request = urllib.request.Request(  # noqa: S310 - the scheme was checked
        address, body, {"Content-Type": "application/json", "User-Agent": "botbottle"}
    )
    opener = urllib.request.build_opener(_Straight)
    with opener.open(request, timeout=WEBHOOK_SECONDS) as answer:
        answer.read(1)
