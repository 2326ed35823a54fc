"""Writing without the SDK: each request reaches the engine once, whatever becomes of its answer."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from botbottle.engine.connection import LONG, Connection
from botbottle.engine.docker import DockerEngine
from botbottle.engine.endpoint import Endpoint
from botbottle.engine.wire import Reply, UnixWire
from botbottle.engine.writing import Body, Raw, UnixWriter
from botbottle.errors import Conflict, EngineError, EngineUnreachable
from botbottle.model.plan import Ref
from botbottle.model.resources import ContainerSpec
from tests.engine.test_wire import connection, ok, serving, status
from tests.support.engines import Lab

VERSION = ok(b"{}")  # what is read before the first write
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize("code", [204, 304])
def test_an_answer_without_content_ends_with_its_head(code: int) -> None:
    bare = f"HTTP/1.1 {code} X\r\n\r\n".encode()
    with serving(bare, ok(b'{"Id": "7"}')) as script:
        writer = UnixWriter(script.path, 5.0)
        assert writer.send("POST", "/start", None).body == b""
        assert json.loads(writer.send("POST", "/create", {}).body) == {"Id": "7"}
        assert script.connections == 1


def test_a_kept_connection_that_the_engine_closed_is_not_written_to() -> None:
    with serving(ok(b"{}"), ok(b"{}"), keep=False) as script:
        writer = UnixWriter(script.path, 5.0)
        writer.send("POST", "/a", None)
        _closed(writer)
        writer.send("POST", "/b", None)
        assert script.seen == ["POST /a HTTP/1.1", "POST /b HTTP/1.1"]


def _closed(writer: UnixWriter) -> None:
    """Wait until the other side has closed the kept connection."""
    (peer,) = writer._pool._idle
    peer.socket.setblocking(True)
    assert peer.socket.recv(1, socket.MSG_PEEK) == b""


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 201 X\r\nContent-Length: 9\r\n\r\n{"])
def test_a_write_whose_answer_breaks_off_is_not_sent_again(answer: bytes) -> None:
    with serving(answer, ok(b"{}"), keep=False) as script:
        with pytest.raises(EngineUnreachable):
            settled(script.path).write("POST", "/containers/create", {}, call="create")
        assert len(script.seen) == 1


def settled(path: str) -> Connection:
    """A connection that knows the engine's version already."""
    made = Connection(Endpoint(f"unix://{path}"), timeout=5.0)
    made.server = "20.10.24"
    return made


def test_the_version_is_found_out_by_reading_before_the_first_write() -> None:
    too_old = "client version 1.41 is too old. Minimum supported API version is 1.44, please"
    with serving(status(400, too_old), VERSION, ok(b'{"Id": "x"}'), keep=False) as script:
        made = connection(script).write("POST", "/containers/create", {}, call="create")
        assert made == {"Id": "x"}
        assert [line.split()[:2] for line in script.seen] == [
            ["GET", "/v1.41/version"], ["GET", "/v1.44/version"],
            ["POST", "/v1.44/containers/create"],
        ]  # fmt: skip


def test_an_engine_that_was_replaced_by_a_newer_one_is_written_to_in_its_version() -> None:
    too_old = "client version 1.41 is too old. Minimum supported API version is 1.44, please"
    refused = status(400, too_old, "Connection: close\r\n")  # it does close, if a moment later
    with serving(refused, ok(b"{}"), keep=False) as script:
        settled(script.path).write("POST", "/x", call="x")
        assert [line.split()[1] for line in script.seen] == ["/v1.41/x", "/v1.44/x"]


def test_a_refusal_names_the_call_and_its_kind() -> None:
    with serving(status(409, "name is in use")) as script, pytest.raises(Conflict) as caught:
        settled(script.path).write("POST", "/containers/create", {}, call="create container web")
    assert caught.value.where == "create container web"


def test_a_body_that_is_refused_unread_is_told_by_its_refusal() -> None:
    with tempfile.TemporaryDirectory(prefix="bb-") as folder:
        path = f"{folder}/s"
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(path)
        server.listen(1)

        def refuse() -> None:
            client, _ = server.accept()
            with client:  # and closes it, with most of the body unread
                client.recv(100)
                client.sendall(status(413, "too large"))

        threading.Thread(target=refuse, daemon=True).start()
        with server, pytest.raises(EngineError, match="too large"):
            settled(path).write("PUT", "/archive", b"x" * 8_000_000, call="copy")


def test_patience_is_added_to_the_usual_time() -> None:
    with serving(b"HTTP/1.1 200 OK\r\n") as script, pytest.raises(TimeoutError):
        UnixWriter(script.path, 0.1).send("POST", "/stop", None)
    with tempfile.TemporaryDirectory(prefix="bb-") as folder:
        late = threading.Event()
        with slow(f"{folder}/s", late) as path:
            threading.Timer(0.5, late.set).start()
            assert UnixWriter(path, 0.1).send("POST", "/stop", None, 60.0).status == 204


class slow:  # noqa: N801 - used like a function
    """A server that answers 204 when ``late`` is set."""

    def __init__(self, path: str, late: threading.Event) -> None:
        self.path, self.late = path, late
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> str:
        self.server.bind(self.path)
        self.server.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()
        return self.path

    def _serve(self) -> None:
        client, _ = self.server.accept()
        with client:
            client.recv(4096)
            self.late.wait(60)
            client.sendall(DONE)

    def __exit__(self, *_: object) -> None:
        self.server.close()


class Clocked:
    """Answers at once, and notes how much time each call would have had."""

    def __init__(self) -> None:
        self.given: list[float] = []
        self.status = 200

    def send(self, method: str, target: str, body: Body, patience: float = 0.0) -> Reply:
        self.given.append(patience)
        return Reply(200, {}, b'{"Id": "7"}')

    def stream(self, target: str, patience: float = 0.0) -> Clocked:
        self.given.append(patience)
        return self

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def close(self) -> None: ...


WEB = Ref("web", "c1")
CALLS: dict[str, tuple[Callable[[DockerEngine], object], float]] = {
    "start": (lambda e: e.start(WEB), 0.0),
    "kill": (lambda e: e.kill(WEB), 0.0),
    "stop": (lambda e: e.stop(Ref("web"), 7), 7.0),
    "create": (
        lambda e: e.create_container(ContainerSpec("web", "agent", "w", "i"), "w", ()),
        LONG,
    ),
    "remove": (lambda e: e.remove_container(WEB), LONG),
    "remove volume": (lambda e: e.remove_volume("v"), LONG),
    "remove image": (lambda e: e.remove_image("i:1"), LONG),
    "commit": (lambda e: e.commit(WEB, "i:1", ()), LONG),
    "copy": (lambda e: e.put_archive(WEB, "/", b"tar"), LONG),
    "save": (lambda e: list(e.save("i:1")), LONG),
    "archive": (lambda e: list(e.archive(WEB, "/home")), LONG),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_moves_many_bytes_may_take_long(call: str) -> None:
    """Minutes for layers of gigabytes on a slow disk; what hangs is still given up some time."""
    clocked, (made, patience) = Clocked(), CALLS[call]
    over = Connection(Endpoint("unix:///nowhere"), 30.0)
    over.server, over._writer, over._wire = "20.10.24", clocked, clocked  # type: ignore[assignment]
    made(DockerEngine(over))
    assert clocked.given == [patience] and LONG >= 600


def test_a_stream_that_begins_late_is_waited_for_and_has_no_limit_then() -> None:
    with tempfile.TemporaryDirectory(prefix="bb-") as folder:
        late = threading.Event()
        with slow(f"{folder}/s", late) as path:
            threading.Timer(0.5, late.set).start()
            stream = UnixWire(path, 0.1).stream("/images/x/get", 60.0)
            assert stream.status == 204 and list(stream) == []
    with serving(b"HTTP/1.1 200 OK\r\n") as script, pytest.raises(TimeoutError):
        UnixWire(script.path, 0.1).stream("/images/x/get")


@pytest.fixture
def upgraded() -> Iterator[Raw]:
    """A stream whose first bytes came together with the head."""
    head = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    with serving(head + b"first words") as script:
        raw = UnixWriter(script.path, 5.0).upgrade("/exec/1/start", {"Tty": False})
        assert isinstance(raw, Raw)
        yield raw
        raw.close()


def test_what_a_program_says_at_once_is_not_lost_with_the_head(upgraded: Raw) -> None:
    assert upgraded.channel.recv(100) == b"first words"


def test_a_program_that_cannot_be_started_is_told() -> None:
    with serving(status(404, "no such exec")) as script, pytest.raises(EngineError, match="exec"):
        settled(script.path).converse("/exec/1/start", {}, call="run cat")


APPLY = """
import sys
from botbottle.engine.docker import connect
from botbottle.model.plan import Ref
engine = connect()
ref = Ref("", sys.argv[1])
engine.start(ref)
assert engine.exec(ref, ["/bin/cat"], stdin=b"hello", timeout=60).stdout == b"hello"
engine.put_archive(ref, "/", bytes(1024))
engine.remove_container(ref, kill=True)
print([name for name in ("docker", "requests", "urllib3") if name in sys.modules])
"""


@pytest.mark.engine
def test_no_writing_call_that_an_apply_makes_loads_the_docker_sdk(real: Lab) -> None:
    spec = real.spec(read_only=False)
    made = real.engine.create_container(spec, spec.name, real.labels())
    done = subprocess.run(
        [sys.executable, "-c", APPLY, made], check=True, capture_output=True, text=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout == "[]\n"
    assert real.engine.observe(real.home).containers == ()
