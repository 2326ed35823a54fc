"""Stop a container, and go on as soon as its last process has ended.

An engine answers a stop when it has also taken the container's network and mounts apart, which
takes it longer than the end of the processes. Older engines (up to 24) tell of that end by a
``die`` event before. All that may follow then does not wait for the rest: ``stop`` returns.

Safe, because the engine sends the event while it holds the container's lock (moby,
daemon/monitor.go), for which every later call about that container waits: looking at it, removing
it, starting it. And a container that dies by itself may be started again by its restart policy, so
that only a ``die`` behind the ``kill`` event of a stop counts: from there on nobody restarts it.

Its address and its network are free only with the answer: ``Stops.answered`` waits for that.
"""

from __future__ import annotations

import contextlib
import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator

from botbottle.engine.connection import Connection
from botbottle.engine.events import lines
from botbottle.engine.wire import Stream
from botbottle.errors import BBError

HEARD = 0.2  # seconds that a stop waits, at most, until somebody listens for its events


class Stops:
    """The stops of one engine that are under way. Safe for use from several threads."""

    def __init__(self) -> None:
        self._ended: set[_Call] = set()  # those of containers without a process
        self._lock = threading.Lock()

    def stop(self, connection: Connection, identity: str, ask: Callable[[], None]) -> None:
        """``ask`` is the call that stops the container ``identity`` (its id). Returns when no
        process of it is left; raises what ``ask`` raises before that is known."""
        if not identity or not connection.endpoint.socket:
            ask()
            return
        ears = _Ears(connection, identity)
        try:
            call = _Call(ask, ears.signs)
            call.start()
            died = ears.signs.get()
        finally:
            ears.close()
        if died:
            with self._lock:  # who only stops asks for no answer: nothing is to pile up
                self._ended = {c for c in self._ended if c.is_alive()} | {call}
        elif call.error is not None:
            raise call.error

    def answered(self) -> None:
        """Wait until every stop that has returned is answered: each within its own time."""
        with self._lock:
            ended = tuple(self._ended)
        for call in ended:
            call.join()
        with self._lock:
            self._ended.difference_update(ended)


class _Call(threading.Thread):
    """A request in a thread of its own, which says False when it has ended, however it has."""

    def __init__(self, ask: Callable[[], None], signs: queue.SimpleQueue[bool]) -> None:
        super().__init__(name="bb-stop", daemon=True)
        self._ask = ask
        self._signs = signs
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._ask()
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits
            self.error = error
        finally:
            self._signs.put(False)


class _Ears:
    """Says True in ``signs`` when the engine tells that a container was stopped. Made when it
    listens; of an engine (or what is before it) that begins no answer nothing is heard."""

    def __init__(self, connection: Connection, identity: str) -> None:
        self.signs: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._connection = connection
        self._identity = identity
        self._stream: Stream | None = None
        self._closed = False
        self._ready = threading.Event()
        threading.Thread(target=self._listen, name="bb-stop-events", daemon=True).start()
        self._ready.wait(HEARD)

    def close(self) -> None:
        """Hear no more, nor what is still to begin."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()

    def _listen(self) -> None:
        filters = {"container": [self._identity], "event": ["kill", "die"]}
        with contextlib.suppress(BBError, OSError):
            self._stream = self._connection.stream("/events", {"filters": filters})
            self._ready.set()
            if self._closed:  # looked at after the stream is there, so one of the two closes it
                self._stream.close()
            if stopped(self._stream, self._identity):
                self.signs.put(True)
        self._ready.set()


def stopped(stream: Iterable[bytes], identity: str) -> bool:
    """Whether events tell that a container died because it was told to, before they end."""
    told = _told(stream, identity)
    return "kill" in told and "die" in told  # in this order: each looks on from where it is


def _told(stream: Iterable[bytes], identity: str) -> Iterator[str]:
    """The events of one container. What cannot be read tells nothing."""
    with contextlib.suppress(ValueError, AttributeError):
        for line in lines(stream):
            event = json.loads(line)
            if event.get("Actor", {}).get("ID") == identity:
                yield str(event.get("Action"))
