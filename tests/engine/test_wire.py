"""The small HTTP client: it reads what an engine sends, and says clearly when it cannot."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from botbottle.engine.connection import Connection
from botbottle.engine.endpoint import Endpoint
from botbottle.engine.errors import NotFound
from botbottle.engine.heads import Broken
from botbottle.engine.wire import UnixWire
from botbottle.errors import Conflict, EngineError, EngineUnreachable, Transient


class Script:
    """A server that answers each request with the next of ``answers`` and then closes, or keeps
    the connection when the answer says how long it is."""

    def __init__(self, path: str, answers: list[bytes], keep: bool) -> None:
        self.path, self.answers, self.keep = path, answers, keep
        self.seen: list[str] = []
        self.connections = 0
        self.server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.server.bind(path)
        self.server.listen(8)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while self.answers:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            self.connections += 1
            with client, contextlib.suppress(OSError):
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        buffer = b""
        while self.answers and (data := client.recv(4096)):
            buffer += data
            if b"\r\n\r\n" in buffer:
                self.seen.append(buffer.split(b"\r\n")[0].decode())
                buffer = b""
                client.sendall(self.answers.pop(0))
                if not self.keep:
                    return
        while self.keep and client.recv(4096):
            pass  # holds the connection open until the client gives up


@contextlib.contextmanager
def serving(*answers: bytes, keep: bool = True) -> Iterator[Script]:
    with tempfile.TemporaryDirectory(prefix="bb-") as directory:
        script = Script(f"{directory}/s", list(answers), keep)
        try:
            yield script
        finally:
            script.server.close()


def ok(body: bytes, headers: str = "") -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\nServer: Docker/20.10.24+x (linux)\r\nApi-Version: 1.41\r\n"
        f"{headers}Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )


def status(code: int, message: str, headers: str = "") -> bytes:
    body = f'{{"message":"{message}"}}'.encode()
    return f"HTTP/1.1 {code} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def connection(script: Script, timeout: float = 5.0) -> Connection:
    return Connection(Endpoint(f"unix://{script.path}"), timeout)


def test_one_connection_serves_many_requests() -> None:
    with serving(ok(b"[1]"), ok(b"[2]")) as script:
        wire = UnixWire(script.path)
        assert [wire.get("/a").body, wire.get("/b").body] == [b"[1]", b"[2]"]
        assert (script.connections, script.seen) == (1, ["GET /a HTTP/1.1", "GET /b HTTP/1.1"])


def test_connections_are_kept_for_all_threads_and_never_pile_up() -> None:
    with serving(*[ok(b"[]") for _ in range(60)]) as script:
        wire = UnixWire(script.path)
        for _ in range(20):
            threads = [threading.Thread(target=wire.get, args=("/x",)) for _ in range(3)]
            for thread in threads:
                thread.start()
                thread.join()
        assert (len(script.seen), script.connections) == (60, 1)


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_anew() -> None:
    with serving(ok(b"[1]"), ok(b"[2]"), keep=False) as script:
        wire = UnixWire(script.path)
        assert [wire.get("/a").body, wire.get("/b").body] == [b"[1]", b"[2]"]
        assert script.connections == 2


def test_the_engine_works_on_a_request_before_its_answer_is_read() -> None:
    with serving(ok(b"[1]")) as script:
        answer = UnixWire(script.path).ask("/a")
        for _ in range(500):
            if script.seen:
                break
            time.sleep(0.01)
        assert script.seen == ["GET /a HTTP/1.1"]
        assert answer().body == b"[1]"


def test_answers_come_to_those_who_asked_in_whatever_order_they_are_read() -> None:
    with serving(ok(b"[1]"), ok(b"[2]"), keep=False) as script:
        wire = UnixWire(script.path)
        first = wire.ask("/a")
        second = wire.ask("/b")
        assert (second().body, first().body) == (b"[2]", b"[1]")


def test_a_kept_connection_that_was_closed_is_replaced_for_a_request_sent_ahead() -> None:
    with serving(ok(b"[1]"), ok(b"[2]"), keep=False) as script:
        wire = UnixWire(script.path)
        assert wire.get("/a").body == b"[1]"
        assert wire.ask("/b")().body == b"[2]"


def test_an_answer_nobody_reads_leaves_no_connection_open() -> None:
    with serving(ok(b"[1]")) as script:
        answer = UnixWire(script.path).ask("/a")
        inside = answer.args[0].socket  # type: ignore[attr-defined]  # a partial
        assert inside.fileno() >= 0
        del answer
        assert inside.fileno() == -1


def test_a_request_sent_ahead_also_finds_the_version_that_the_engine_speaks() -> None:
    too_old = "client version 1.41 is too old. Minimum supported API version is 1.44, please"
    with serving(status(400, too_old), ok(b"[7]")) as script:
        found = connection(script)
        assert found.ask_json("/x")() == [7]
        assert found.version == "1.44"


def test_a_refusal_of_a_request_sent_ahead_is_told_by_kind() -> None:
    with serving(status(404, "No such container")) as script, pytest.raises(NotFound):
        connection(script).ask_json("/x")()


def test_an_engine_that_hangs_is_not_asked_again_for_what_was_sent_ahead() -> None:
    with serving(ok(b"[]"), b"HTTP/1.1 200 OK\r\n") as script:
        found = connection(script, timeout=0.2)
        found.get_json("/a")
        with pytest.raises(EngineUnreachable, match="time"):
            found.ask_json("/b")()
        assert script.connections == 1


def test_chunked_answers_are_joined() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    )
    with serving(chunked, ok(b"after")) as script:
        wire = UnixWire(script.path)
        assert (wire.get("/").body, wire.get("/").body) == (b"abcde", b"after")


def test_an_answer_without_length_ends_with_the_connection() -> None:
    with serving(b"HTTP/1.1 200 OK\r\n\r\nall of it", keep=False) as script:
        assert UnixWire(script.path).get("/").body == b"all of it"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
    ids=["nothing", "short", "short chunk", "not HTTP", "long header"],
)
def test_a_broken_answer_is_never_taken_for_a_complete_one(answer: bytes) -> None:
    with serving(answer, keep=False) as script, pytest.raises(Broken):
        UnixWire(script.path).get("/")


def test_an_engine_that_hangs_is_given_up_after_the_timeout() -> None:
    with serving(b"HTTP/1.1 200 OK\r\n") as script, pytest.raises(EngineUnreachable, match="time"):
        connection(script, timeout=0.2).get_json("/info")


def test_an_engine_that_hangs_is_not_asked_a_second_time() -> None:
    with serving(ok(b"[]"), b"HTTP/1.1 200 OK\r\n") as script:
        found = connection(script, timeout=0.2)
        found.get_json("/a")
        with pytest.raises(EngineUnreachable, match="time"):
            found.get_json("/b")
        assert script.connections == 1


def test_a_stream_is_read_as_it_comes_and_closed_from_another_thread() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(head + b"2\r\nhi\r\n") as script:
        stream = UnixWire(script.path).stream("/events")
        chunks = iter(stream)
        assert next(chunks) == b"hi"
        threading.Timer(0.1, stream.close).start()
        with pytest.raises(OSError):
            next(chunks)


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (404, "No such container", NotFound),
        (409, "name is in use", Conflict),
        (500, "something odd", Transient),
        (503, "busy", Transient),
        (500, "OCI runtime create failed", EngineError),
        (400, "bad parameter", EngineError),
    ],
)
def test_a_refusal_is_told_by_kind(code: int, message: str, error: type[Exception]) -> None:
    with serving(status(code, message)) as script, pytest.raises(error, match=message) as caught:
        connection(script).get_json("/x")
    assert type(caught.value) is error


def test_the_oldest_version_is_asked_for_and_a_newer_engine_moves_it_up() -> None:
    too_old = "client version 1.41 is too old. Minimum supported API version is 1.44, please"
    with serving(status(400, too_old), ok(b"[]"), ok(b"[]")) as script:
        found = connection(script)
        assert found.get_json("/x") == []
        assert found.get_json("/y") == []
        assert [line.split()[1] for line in script.seen] == ["/v1.41/x", "/v1.44/x", "/v1.44/y"]
        assert found.version == "1.44"


def test_an_engine_that_is_too_old_is_named_with_its_version() -> None:
    too_new = "client version 1.41 is too new. Maximum supported API version is 1.40"
    with serving(status(400, too_new)) as script:
        with pytest.raises(EngineUnreachable, match=r"too old: API 1\.40") as caught:
            connection(script).ping()
        assert "20.10" in caught.value.hint


def test_an_engine_that_keeps_asking_for_another_version_is_not_asked_for_ever() -> None:
    too_old = "client version 1.41 is too old. Minimum supported API version is {}, please"
    answers = [status(400, too_old.format(f"1.{n}")) for n in range(50, 60)]
    with serving(*answers) as script, pytest.raises(EngineError):
        connection(script).get_json("/x")
    assert len(script.seen) == 2


def test_the_servers_version_is_learned_from_any_answer() -> None:
    with serving(ok(b"[]")) as script:
        found = connection(script)
        found.get_json("/networks")
        assert (found.server, found.server_api) == ("20.10.24", "1.41")


def test_something_that_is_no_engine_is_not_taken_for_one() -> None:
    with serving(ok(b"<html>")) as script, pytest.raises(EngineUnreachable, match="like an engine"):
        connection(script).get_json("/info")


def test_no_socket_and_nobody_listening_say_how_to_start_an_engine(tmp_path: Path) -> None:
    dead = tmp_path / "dead.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(dead))
    for path in (tmp_path / "none.sock", dead):
        with pytest.raises(EngineUnreachable, match="no Docker Engine answers") as caught:
            Connection(Endpoint(f"unix://{path}")).ping()
        assert "systemctl start docker" in caught.value.hint


def test_no_permission_says_which_group_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: UnixWire, _target: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(UnixWire, "get", refuse)
    with pytest.raises(EngineUnreachable, match="no permission") as caught:
        Connection(Endpoint("unix:///run/docker.sock")).ping()
    assert "docker group" in caught.value.hint
