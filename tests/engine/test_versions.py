"""An engine that speaks only newer versions than the first request names, however it is asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from botbottle.engine.connection import Connection
from botbottle.engine.endpoint import Endpoint
from botbottle.engine.observe import Observer
from botbottle.engine.wire import Reply, Stream, Wire
from botbottle.errors import EngineError, EngineUnreachable

ANSWERS = {
    "/containers/json": [],
    "/networks": [],
    "/volumes": {"Volumes": []},
    "/images/json": [],
    "/version": {},
}


def too_old(asked: str, oldest: str) -> str:
    return (
        f"client version {asked} is too old. Minimum supported API version is {oldest}, "
        "please upgrade your client to a newer version"
    )


class Chunks:
    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body, self.closed = status, body, False

    def __iter__(self) -> Iterator[bytes]:
        yield self.body

    def close(self) -> None:
        self.closed = True


class Picky:
    """A wire to an engine that speaks the versions from ``oldest`` to ``newest`` and no other."""

    def __init__(self, oldest: str = "1.44", newest: str = "1.52") -> None:
        self.oldest, self.newest = oldest, newest
        self.asked: list[str] = []
        self.streams: list[Chunks] = []

    def get(self, target: str) -> Reply:
        self.asked.append(target)
        version, _, path = target.removeprefix("/v").partition("/")
        if _number(version) < _number(self.oldest):
            return self._refusal(too_old(version, self.oldest))
        if _number(version) > _number(self.newest):
            text = "client version {} is too new. Maximum supported API version is {}"
            return self._refusal(text.format(version, self.newest))
        found = ANSWERS.get("/" + path.partition("?")[0], {})
        return Reply(200, {"server": "Docker/29.0.0 (linux)"}, json.dumps(found).encode())

    def ask(self, target: str) -> Callable[[], Reply]:
        reply = self.get(target)  # the engine judges the version that the request was sent with
        return lambda: reply

    def stream(self, target: str, patience: float = 0.0) -> Stream:
        reply = self.get(target)
        self.streams.append(Chunks(reply.status, reply.body))
        return self.streams[-1]

    def close(self) -> None:
        pass

    def _refusal(self, text: str) -> Reply:
        server = {"server": "Docker/29.0.0 (linux)"}
        return Reply(400, server, json.dumps({"message": text}).encode())


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


class Through(Connection):
    """A connection over a wire in memory."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(Endpoint("unix:///in/memory"))
        self._made = wire

    def _make_wire(self) -> Wire:
        return self._made


def test_requests_sent_before_the_first_refusal_was_read_are_all_asked_again() -> None:
    wire = Picky()
    found = Observer(Through(wire)).observe("h")
    assert (found.api_version, found.engine_version) == ("1.44", "29.0.0")
    assert sorted(t for t in wire.asked if t.startswith("/v1.44/")) == [
        "/v1.44/containers/json?all=1",
        "/v1.44/networks",
        "/v1.44/volumes",
    ]
    assert len(wire.asked) == 6


def test_lists_that_were_asked_for_ahead_are_asked_again_too() -> None:
    observer = Observer(Through(Picky()))
    observer.begin()
    assert observer.observe("h").api_version == "1.44"


def test_an_answer_to_the_old_version_that_comes_late_is_asked_again() -> None:
    """As when another thread has settled the version while this request was under way."""
    wire = Picky()
    connection = Through(wire)
    late = connection.ask_json("/networks")
    assert connection.get_json("/networks") == []
    assert late() == []


def test_the_version_that_another_thread_settled_meanwhile_is_used() -> None:
    wire = Picky()
    connection = Through(wire)
    plain = wire.get

    def meanwhile(target: str) -> Reply:
        connection.version = "1.44"
        return plain(target)

    wire.get = meanwhile  # type: ignore[method-assign]
    assert connection.get_json("/networks") == []
    assert wire.asked == ["/v1.41/networks", "/v1.44/networks"]


def test_a_stream_finds_the_version_by_itself_and_leaves_no_refused_one_open() -> None:
    wire = Picky()
    connection = Through(wire)
    stream = connection.stream("/events", {"filters": {"type": ["container"]}})
    assert (stream.status, connection.version) == (200, "1.44")
    assert [t.partition("?")[0] for t in wire.asked] == ["/v1.41/events", "/v1.44/events"]
    assert [s.closed for s in wire.streams] == [True, False]


def test_an_engine_that_was_upgraded_or_downgraded_is_spoken_to_in_its_version() -> None:
    wire = Picky("1.24", "1.41")
    connection = Through(wire)
    for oldest, newest in (("1.24", "1.41"), ("1.44", "1.52"), ("1.24", "1.41")):
        wire.oldest, wire.newest = oldest, newest
        assert connection.get_json("/networks") == []
    assert connection.version == "1.41"


@pytest.mark.parametrize("how", ["get", "ask", "stream"])
def test_an_engine_that_refuses_every_version_is_given_up(how: str) -> None:
    wire = Picky()
    connection = Through(wire)
    plain = wire.get

    def moving(target: str) -> Reply:
        wire.oldest = f"1.{50 + len(wire.asked)}"
        return plain(target)

    wire.get = moving  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="too old"):
        if how == "stream":
            connection.stream("/events")
        elif how == "ask":
            connection.ask_json("/networks")()
        else:
            connection.get_json("/networks")
    assert len(wire.asked) <= 3


def test_an_engine_older_than_this_program_supports_is_named() -> None:
    with pytest.raises(EngineUnreachable, match=r"too old: API 1\.40"):
        Through(Picky("1.12", "1.40")).stream("/events")


def test_nothing_is_asked_ahead_of_an_engine_that_is_not_on_a_unix_socket() -> None:
    """Else a mistake in a manifest is told only after an engine far away has answered."""
    wire = Picky()
    connection = Through(wire)
    connection.endpoint = Endpoint("tcp://192.0.2.1:2376")
    observer = Observer(connection)
    observer.begin()
    assert wire.asked == []
    observer.observe("h")
    assert len(wire.asked) == 6
