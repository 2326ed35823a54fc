"""The engine's event stream as hints about our resources.

Docker drops events by design (a ring of 256, slow readers are skipped), so an event is never
state; it only says which key to look at again. A thread reads the stream; the iterator hands out
what came, or ``None`` once a second, and ends by raising.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from botbottle.engine import errors
from botbottle.engine.api import Event
from botbottle.engine.wire import Stream
from botbottle.errors import EngineUnreachable
from botbottle.model import labels

FILTERS = {"type": ["container", "network", "image"]}
TICK = 1.0  # seconds between signs of life
_NOISE = ("exec_", "health_status", "top", "archive-path", "attach", "resize", "extract-to-dir")

type OwnedNetwork = Callable[[str, str], bool]


def read(stream: Stream, address: str, owned: OwnedNetwork) -> Iterator[Event | None]:
    """Events of our resources. ``owned(id, name)`` says whether a network is ours (network
    events carry no labels). Closing the iterator closes the stream."""
    import queue  # only who watches
    import threading

    items: queue.SimpleQueue[Event | EngineUnreachable] = queue.SimpleQueue()
    reader = threading.Thread(
        target=_pump, args=(stream, address, owned, items.put), name="bb-events", daemon=True
    )
    reader.start()
    try:
        while True:
            try:
                item = items.get(timeout=TICK)
            except queue.Empty:
                yield None
                continue
            if isinstance(item, EngineUnreachable):
                raise item
            yield item
    finally:
        stream.close()


def _pump(
    stream: Stream,
    address: str,
    owned: OwnedNetwork,
    put: Callable[[Event | EngineUnreachable], None],
) -> None:
    """Reads until the stream ends, however it ends; the last item is always the error."""
    try:
        for line in lines(stream):
            event = parse(json.loads(line), owned)
            if event is not None:
                put(event)
        put(EngineUnreachable(f"the event stream of {address} ended"))
    except OSError as error:
        put(errors.from_os_error(error, address))
    except ValueError:
        put(EngineUnreachable(f"the event stream of {address} is not readable"))


def lines(stream: Iterable[bytes]) -> Iterator[bytes]:
    """JSON objects, one a line; HTTP chunks need not end where lines end."""
    rest = b""
    for chunk in stream:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line.strip())


def parse(data: Mapping[str, Any], owned: OwnedNetwork) -> Event | None:
    """The event, or None when it is not about our resources or says nothing about state."""
    kind, action = str(data.get("Type", "")), str(data.get("Action", ""))
    actor = data.get("Actor") or {}
    attributes: Mapping[str, str] = actor.get("Attributes") or {}
    identity = str(actor.get("ID", ""))
    if action.startswith(_NOISE):
        return None
    ours = labels.HOME in attributes
    if kind == "network":
        ours = owned(identity, attributes.get("name", ""))
    if not ours:
        return None
    return Event(
        kind=kind,
        action=action,
        id=identity,
        bottle=attributes.get(labels.BOTTLE, ""),
        project=attributes.get(labels.PROJECT, ""),
        home=attributes.get(labels.HOME, ""),
    )
