"""Events are hints: only about ours, only about state, and the stream's end is always an error."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from botbottle.engine import events
from botbottle.engine.api import Event
from botbottle.errors import EngineUnreachable
from botbottle.model import labels

OURS = {labels.HOME: "h", labels.BOTTLE: "web", labels.PROJECT: "p", "name": "x"}


def raw(kind: str, action: str, identity: str = "c1", **attributes: str) -> dict[str, object]:
    return {
        "Type": kind,
        "Action": action,
        "Actor": {"ID": identity, "Attributes": attributes},
    }


def never(_id: str, _name: str) -> bool:
    return False


class Chunks:
    """A stream of given chunks that then ends, or breaks, or hangs until it is closed."""

    status = 200

    def __init__(self, *chunks: bytes, end: str = "ends") -> None:
        self.chunks, self.end, self.closed = chunks, end, threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        if self.end == "breaks":
            raise ConnectionResetError
        if self.end == "hangs":
            self.closed.wait(10)

    def close(self) -> None:
        self.closed.set()


def lines(*data: dict[str, object]) -> bytes:
    return b"".join(json.dumps(d).encode() + b"\n" for d in data)


def test_our_containers_events_carry_keys_only() -> None:
    found = events.parse(raw("container", "die", **OURS, exitCode="1"), never)
    assert found == Event("container", "die", "c1", "web", "p", "h")


@pytest.mark.parametrize(
    "data",
    [
        raw("container", "die", name="stranger"),
        raw("network", "create", "n1", name="theirs"),
        raw("image", "untag", "i1", name="theirs"),
        raw("container", "exec_create: /bin/sh", **OURS),
        raw("container", "exec_die", **OURS),
        raw("container", "health_status: healthy", **OURS),
        {"Type": "container", "Action": "die"},
        {},
    ],
)
def test_strangers_and_chatter_are_left_out(data: dict[str, object]) -> None:
    assert events.parse(data, never) is None


def test_network_events_carry_no_labels_so_ids_and_names_decide() -> None:
    def owned(identity: str, name: str) -> bool:
        return identity == "n1" or name == "bb-net"

    assert events.parse(raw("network", "disconnect", "n1", name="?"), owned)
    assert events.parse(raw("network", "create", "n2", name="bb-net"), owned)
    assert events.parse(raw("network", "create", "n3", name="other"), owned) is None


def test_lines_may_be_split_and_joined_anywhere() -> None:
    data = lines(raw("container", "start", **OURS), raw("container", "die", **OURS))
    for cut in (1, 10, len(data) // 2, len(data) - 1):
        stream = events.read(Chunks(data[:cut], data[cut:], end="hangs"), "unix:///e", never)
        assert [e.action for e in (next(stream), next(stream)) if e] == ["start", "die"]
        stream.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "stream",
    [
        Chunks(),
        Chunks(end="breaks"),
        Chunks(b"not json\n"),
        Chunks(lines(raw("x", "y")), end="breaks"),
    ],
    ids=["ends", "breaks", "garbage", "breaks later"],
)
def test_a_stream_that_ends_however_is_an_unreachable_engine(stream: Chunks) -> None:
    with pytest.raises(EngineUnreachable):
        list(events.read(stream, "unix:///e", never))
    assert stream.closed.is_set()


def test_silence_ticks_and_closing_the_iterator_closes_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(events, "TICK", 0.01)
    source = Chunks(end="hangs")
    stream = events.read(source, "unix:///e", never)
    assert [next(stream), next(stream)] == [None, None]
    stream.close()  # type: ignore[attr-defined]
    assert source.closed.is_set()
