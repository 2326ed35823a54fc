"""Observation through a recording socket: only GETs, few of them, all or nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from botbottle.engine import docker, observe, reader
from botbottle.errors import BBError, EngineUnreachable
from tests.support.engines import Lab
from tests.support.recording import Recorder, recording

pytestmark = pytest.mark.engine


@pytest.fixture
def recorder(real: Lab) -> Iterator[Recorder]:
    with recording(real.engine.connection.endpoint.socket) as found:  # type: ignore[attr-defined]
        yield found


def watching(recorder: Recorder) -> reader.DockerReader:
    return reader.connect({"DOCKER_HOST": recorder.url})


def test_a_look_costs_three_lists_and_one_inspection_of_each_running_one(
    real: Lab, recorder: Recorder
) -> None:
    for n in range(3):
        real.run(real.spec(f"up{n}"))
    spec = real.spec("down")
    real.engine.create_container(spec, spec.name, real.labels())
    engine = watching(recorder)
    for _ in range(2):
        recorder.clear()
        assert len(engine.observe(real.home, tags=[real.image]).containers) == 4
        assert len(recorder.requests) == 3 + 3
        assert recorder.writes == []


def test_what_is_asked_for_ahead_is_not_asked_for_again(real: Lab, recorder: Recorder) -> None:
    real.run(real.spec())
    engine = watching(recorder)
    engine.begin()
    assert len(engine.observe(real.home).containers) == 1
    assert len(recorder.requests) == 3 + 1


def test_lists_that_were_asked_for_too_long_ago_are_asked_for_again(
    real: Lab, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = watching(recorder)
    engine.begin()
    real.run(real.spec())
    monkeypatch.setattr(observe, "FRESH", 0.0)
    assert len(engine.observe(real.home).containers) == 1


def test_asking_ahead_never_raises_and_the_look_that_follows_does() -> None:
    engine = reader.connect({"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    engine.begin()
    with pytest.raises(EngineUnreachable):
        engine.observe("x")


def test_a_connection_cut_after_asking_ahead_is_an_unreachable_engine(
    real: Lab, recorder: Recorder
) -> None:
    recorder.cut("GET /containers/json", when="after", times=-1)
    engine = watching(recorder)
    engine.begin()
    with pytest.raises(EngineUnreachable):
        engine.observe(real.home)


def test_an_image_nobody_uses_costs_one_list_more(real: Lab, recorder: Recorder) -> None:
    engine = watching(recorder)
    engine.observe(real.home, tags=[real.image])
    assert sorted(str(r) for r in recorder.requests) == [
        "GET /containers/json",
        "GET /images/json",
        "GET /networks",
        "GET /volumes",
    ]


def test_looking_works_where_writing_is_refused(real: Lab, recorder: Recorder) -> None:
    ref = real.run(real.spec())
    recorder.refuse_writes()
    engine = watching(recorder)
    seen = engine.observe(real.home)
    assert [c.id for c in seen.containers] == [ref.id]
    assert engine.container(ref) is not None
    assert engine.ping()


@pytest.mark.parametrize(
    "call",
    ["/containers/json", "/networks", "/volumes", "/images/json", "/containers/.*/json"],
)
def test_a_look_with_a_hole_is_no_look(real: Lab, recorder: Recorder, call: str) -> None:
    real.run(real.spec())
    recorder.fail(f"GET {call}$")
    with pytest.raises(BBError):
        watching(recorder).observe(real.home, tags=["bbt-unused:1"])


def test_a_container_that_goes_away_between_list_and_inspection_is_absent(
    real: Lab, recorder: Recorder
) -> None:
    real.run(real.spec("here"))
    gone = real.run(real.spec("gone"))
    recorder.fail(f"GET /containers/{gone.id}/json", status=404)
    seen = watching(recorder).observe(real.home)
    assert [c.name for c in seen.containers] == [real.name("here")]


def test_a_connection_cut_in_the_middle_is_an_unreachable_engine(
    real: Lab, recorder: Recorder
) -> None:
    recorder.cut("GET /networks", when="after", times=-1)
    with pytest.raises(EngineUnreachable):
        watching(recorder).observe(real.home)


def test_the_event_stream_never_ends_silently(real: Lab, recorder: Recorder) -> None:
    stream = watching(recorder).events()
    assert next(stream) is None
    recorder.cut_all()
    with pytest.raises(EngineUnreachable):
        for _ in range(5):
            next(stream)


def test_network_events_of_ours_are_told_and_strangers_are_not(
    real: Lab, recorder: Recorder
) -> None:
    engine = watching(recorder)
    engine.observe(real.home, names=[real.name("net")])
    stream = engine.events()
    real.engine.create_network(real.network("other", 1), real.labels("internal"))
    identity = real.engine.create_network(real.network(), real.labels("internal"))
    event = next(e for e in stream if e is not None)
    assert (event.kind, event.action, event.id) == ("network", "create", identity)


def test_observing_never_loads_the_docker_sdk(real: Lab) -> None:
    code = (
        "import sys; from botbottle.engine.reader import connect; connect().observe('x');"
        "print(sorted({'docker', 'requests', 'urllib3', 'http.client'} & set(sys.modules)))"
    )
    url = real.engine.connection.address  # type: ignore[attr-defined]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"DOCKER_HOST": url, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() in ("[]", "['http.client']")


def test_looking_again_and_again_opens_no_more_connections(real: Lab, recorder: Recorder) -> None:
    real.run(real.spec())
    engine = watching(recorder)
    for _ in range(30):
        engine.observe(real.home)
    assert len(recorder.open_connections()) <= 4


def test_an_engine_that_was_restarted_is_read_and_written_again(
    real: Lab, recorder: Recorder
) -> None:
    engine = docker.connect({"DOCKER_HOST": recorder.url})
    ref = real.run(real.spec())
    engine.pause(ref)
    engine.observe(real.home)
    recorder.cut_all()
    assert [c.state for c in engine.observe(real.home).containers] == ["paused"]
    engine.unpause(ref)
    recorder.fail("GET /networks", times=1)
    engine.storage()
    with pytest.raises(BBError):
        engine.observe(real.home)
    recorder.clear()
    engine.storage()
    assert [str(r) for r in recorder.requests] == ["GET /info"]
    engine.close()
