"""A stop returns when no process is left; what takes the container's address waits for more."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from botbottle.engine import stopping
from botbottle.engine.connection import Connection
from botbottle.engine.docker import DockerEngine
from botbottle.engine.endpoint import Endpoint
from botbottle.engine.errors import NotFound
from botbottle.errors import EngineError, EngineUnreachable
from botbottle.model.plan import Ref
from botbottle.model.resources import Attachment
from tests.engine.contract import on
from tests.support.engines import Lab

OLD, NEW = Ref("web", "c1"), Ref("web-2", "c2")
PATIENCE = 20.0  # seconds until a test that hangs is given up


def event(action: str, identity: str = OLD.id) -> bytes:
    return json.dumps({"Action": action, "Actor": {"ID": identity}}).encode() + b"\n"


class Told:
    """An open stream of events, which ends when it is closed."""

    status = 200

    def __init__(self) -> None:
        self._chunks: queue.Queue[bytes] = queue.Queue()
        self.closed = threading.Event()

    def tell(self, *events: bytes) -> None:
        for one in events:
            self._chunks.put(one)

    def close(self) -> None:
        self.closed.set()
        self._chunks.put(b"")

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._chunks.get(timeout=PATIENCE):
            yield chunk


class Scripted(Connection):
    """An engine that answers a stop when it is let, and notes what it is asked."""

    def __init__(self) -> None:
        super().__init__(Endpoint("unix:///nowhere"))
        self.told = Told()
        self.listens = threading.Event()  # set: the stream of events begins
        self.listens.set()
        self.refusal: Exception | None = None  # of the stop
        self.answers = threading.Event()
        self.asked: list[str] = []
        self.seen = threading.Event()  # the stop has come

    def stream(self, path: str, params: object = None, patience: float = 0.0) -> Told:
        assert self.listens.wait(PATIENCE)
        return self.told

    def write(
        self, method: str, path: str, body: object = None, params: object = None, *,
        call: str, patience: float = 0.0,
    ) -> dict[str, object]:  # fmt: skip
        self.asked.append(path)
        if path.endswith("/stop"):
            self.seen.set()
            assert self.answers.wait(PATIENCE)
            if self.refusal is not None:
                raise self.refusal
            self.asked.append("answered")
        return {}


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    made = Scripted()
    yield made
    made.answers.set()
    made.listens.set()
    made.told.close()


def stopped_by(engine: DockerEngine) -> threading.Thread:
    thread = threading.Thread(target=engine.stop, args=(OLD, 2), daemon=True)
    thread.start()
    return thread


def ended(thread: threading.Thread) -> bool:
    thread.join(PATIENCE)
    return not thread.is_alive()


NET = Ref("net", "n1")
NEEDS_AN_ADDRESS: dict[str, Callable[[DockerEngine], None]] = {
    "/containers/c2/start": lambda e: e.start(NEW),
    "/networks/n1/connect": lambda e: e.connect(NEW, NET, Attachment("net")),
    "/networks/n1/disconnect": lambda e: e.disconnect(NEW, NET),
    "/networks/n1": lambda e: e.remove_network(NET),
}


@pytest.mark.parametrize("path", NEEDS_AN_ADDRESS)
def test_it_returns_with_the_death_and_what_needs_its_address_waits_for_the_answer(
    scripted: Scripted, path: str
) -> None:
    engine = DockerEngine(scripted)
    scripted.told.tell(event("kill"), event("die"))
    engine.stop(OLD, 2)
    assert scripted.seen.wait(PATIENCE) and "answered" not in scripted.asked
    waiting = threading.Thread(target=NEEDS_AN_ADDRESS[path], args=(engine,), daemon=True)
    waiting.start()
    engine.put_archive(NEW, "/home/agent", b"tar")
    scripted.answers.set()
    assert ended(waiting)
    assert scripted.asked == ["/containers/c1/stop", "/containers/c2/archive", "answered", path]


@pytest.mark.parametrize(
    "signs",
    [
        pytest.param((event("die"),), id="it died by itself, and may be restarted"),
        pytest.param((event("die"), event("kill")), id="the kill came too late"),
        pytest.param((event("kill"), event("die", "other")), id="another one died"),
        pytest.param((event("kill"), b"no JSON\n", event("die")), id="a damaged stream"),
        pytest.param((event("kill"), b"[]\n", event("die")), id="no event"),
        pytest.param((), id="nothing is told"),
    ],
)
def test_what_does_not_tell_of_its_end_is_no_end(
    scripted: Scripted, signs: tuple[bytes, ...]
) -> None:
    scripted.told.tell(*signs)
    thread = stopped_by(DockerEngine(scripted))
    assert scripted.seen.wait(PATIENCE)
    thread.join(0.05)
    assert thread.is_alive(), "it waits for the answer"
    scripted.answers.set()
    assert ended(thread) and scripted.told.closed.wait(PATIENCE)


def test_a_refusal_is_told(scripted: Scripted) -> None:
    scripted.refusal = EngineError("cannot be stopped")
    scripted.answers.set()
    with pytest.raises(EngineError, match="cannot be stopped"):
        DockerEngine(scripted).stop(OLD, 2)
    assert scripted.told.closed.is_set()


def test_what_is_gone_is_stopped(scripted: Scripted) -> None:
    scripted.refusal = NotFound("no such container")
    scripted.answers.set()
    DockerEngine(scripted).stop(OLD, 2)
    assert scripted.asked == ["/containers/c1/stop"]


def test_a_refusal_after_the_death_stops_no_start(scripted: Scripted) -> None:
    scripted.refusal = EngineUnreachable("the engine was restarted")
    scripted.told.tell(event("kill"), event("die"))
    engine = DockerEngine(scripted)
    engine.stop(OLD, 2)
    scripted.answers.set()
    engine.start(NEW)
    assert scripted.asked[-1] == "/containers/c2/start"


def test_answers_that_nobody_waits_for_do_not_pile_up(scripted: Scripted) -> None:
    engine = DockerEngine(scripted)
    scripted.answers.set()
    for _ in range(5):
        scripted.told = Told()
        scripted.told.tell(event("kill"), event("die"))
        engine.stop(OLD, 2)
        for call in engine._stops._ended:
            call.join(PATIENCE)
    assert len(engine._stops._ended) <= 1


def test_an_engine_that_tells_nothing_is_not_waited_for(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something between that holds an answer back until it is whole. A stream that begins when
    nobody needs it any more is closed."""
    monkeypatch.setattr(stopping, "HEARD", 0.01)
    scripted.listens.clear()
    scripted.answers.set()
    DockerEngine(scripted).stop(OLD, 2)
    assert scripted.asked == ["/containers/c1/stop", "answered"]
    assert not scripted.told.closed.is_set()
    scripted.listens.set()
    assert scripted.told.closed.wait(PATIENCE)


def test_an_engine_without_events_is_asked_all_the_same(scripted: Scripted) -> None:
    def refuse(path: str, params: Mapping[str, str] | None = None, patience: float = 0.0) -> Told:
        raise EngineError("no events here")

    scripted.stream = refuse  # type: ignore[method-assign]
    scripted.answers.set()
    DockerEngine(scripted).stop(OLD, 2)
    assert scripted.asked == ["/containers/c1/stop", "answered"]


@pytest.mark.engine
def test_a_copy_with_the_same_address_starts_at_once(real: Lab) -> None:
    """Again and again, as the engine frees the address a moment after the last process."""
    real.engine.create_network(real.network(), real.labels("network"))
    spec = real.spec("agent", on(real, last=5))
    old = real.run(spec)
    for turn in range(5):
        name = real.name(f"copy{turn}")
        new = Ref(name, real.engine.create_container(spec, name, real.labels()))
        real.engine.stop(old, 2)
        found = real.engine.container(old)
        assert found is not None and found.state == "exited"
        real.engine.start(new)
        real.engine.remove_container(old)
        old = new
