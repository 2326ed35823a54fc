"""Commands and webhooks get every notice and can hold up nothing."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from botbottle.errors import LedgerUnavailable
from botbottle.ledger.records import LedgerEvent
from botbottle.model.bottle import Settings
from botbottle.model.ledger_view import LedgerView
from botbottle.watch import notifier
from botbottle.watch.notifier import Notifier, Sender
from botbottle.watch.notify import BURST, Notice
from tests.support.worlds import declared

NOTICE = Notice("k", "hold", "web", "web is held", "bb release web")


def until(check: Callable[[], object], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)


@pytest.fixture
def log() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def hook() -> Iterator[tuple[str, list[bytes]]]:
    got: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
            else:
                self.send_response(204)
            self.end_headers()

        def do_GET(self) -> None:
            got.append(b"followed")

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


def keep(path: Path) -> str:
    script = f"import sys,os;open({str(path)!r},'w').write(sys.stdin.read()+repr(dict(os.environ)))"
    return f'{sys.executable} -c "{script}"'


def test_the_command_gets_json_on_its_standard_input_and_no_credential(
    tmp_path: Path, log: list[dict[str, Any]]
) -> None:
    out = tmp_path / "out"
    sender = Sender({"PATH": "/usr/bin", "SECRET_KEY": "sk-real"}, log.append)
    sender.put(NOTICE, Settings(notify_command=keep(out)))
    sender.close()
    text = out.read_text()
    assert '"text": "web is held"' in text and "sk-real" not in text and log == []


def test_no_shell_reads_the_command(tmp_path: Path, log: list[dict[str, Any]]) -> None:
    sender = Sender({"PATH": "/usr/bin:/bin"}, log.append)
    sender.put(NOTICE, Settings(notify_command=f"true; touch {tmp_path}/made"))
    sender.close()
    assert not (tmp_path / "made").exists()


def test_the_webhook_gets_a_post(hook: tuple[str, list[bytes]], log: list[dict[str, Any]]) -> None:
    sender = Sender({}, log.append)
    sender.put(NOTICE, Settings(notify_webhook=hook[0]))
    sender.close()
    assert [json.loads(b)["next"] for b in hook[1]] == ["bb release web"] and log == []


def test_a_webhook_is_not_followed_elsewhere_and_its_address_is_not_logged(
    hook: tuple[str, list[bytes]], log: list[dict[str, Any]]
) -> None:
    sender = Sender({}, log.append)
    sender.put(NOTICE, Settings(notify_webhook=hook[0] + "/moved"))
    sender.close()
    assert b"followed" not in hook[1] and len(hook[1]) == 1
    assert log[0]["event"] == "notify-failed" and hook[0] not in json.dumps(log)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://x/y", "nonsense"])
def test_only_http_is_called(address: str, log: list[dict[str, Any]]) -> None:
    sender = Sender({}, log.append)
    sender.put(NOTICE, Settings(notify_webhook=address))
    sender.close()
    assert [r["why"] for r in log] == ["ValueError"]


def test_a_command_that_hangs_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, log: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(notifier, "COMMAND_SECONDS", 0.2)
    sender = Sender({"PATH": "/usr/bin:/bin"}, log.append)
    for _ in range(notifier.WAITING + 20):
        sender.put(NOTICE, Settings(notify_command="sleep 30"))
    assert sender.dropped >= 19, "a put that waited for room would drop nothing"
    until(lambda: any(r["event"] == "notify-failed" for r in log))


def test_a_command_that_is_given_up_ends_with_all_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(notifier, "COMMAND_SECONDS", 1.0)
    started = tmp_path / "pid"
    script = f"sleep 300 & echo $! > {started}.new; mv {started}.new {started}; wait"
    sender = Sender({"PATH": "/usr/bin:/bin"}, log.append)
    while not started.exists():  # a busy machine may need more than one attempt
        sender.put(NOTICE, Settings(notify_command=f"sh -c '{script}'"))
        until(lambda: log)
        log.clear()
    until(lambda: not running(int(started.read_text())))


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_webhook_that_drips_is_left_and_commands_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(notifier, "WEBHOOK_WHOLE", 0.2)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        calls: list[int] = []

        def drip() -> None:
            connection, _ = server.accept()
            calls.append(1)
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                while not ended.wait(0.05):
                    connection.sendall(b"x")

        threading.Thread(target=drip, daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/token-in-the-path"
        out = tmp_path / "out"
        sender = Sender({"PATH": "/usr/bin:/bin"}, log.append)
        sender.put(NOTICE, Settings(notify_webhook=address))
        sender.put(NOTICE, Settings(notify_webhook=address, notify_command=keep(out)))
        until(lambda: out.exists() and len(log) >= 2, 20.0)
        ended.set()
    assert calls == [1], "a second call would wait in the same place"
    assert {r["why"] for r in log} == {"TimeoutError"} and "token" not in repr(log)


def test_a_missing_command_is_said_and_the_next_notice_goes_out(
    hook: tuple[str, list[bytes]], log: list[dict[str, Any]]
) -> None:
    sender = Sender({}, log.append)
    sender.put(NOTICE, Settings(notify_command="/no/such/program", notify_webhook=hook[0]))
    sender.close()
    assert len(hook[1]) == 1 and log[0]["why"] == "FileNotFoundError"


@dataclass
class Ledger:
    now: float = 1000.0
    found: list[LedgerEvent] = field(default_factory=list)
    broken: bool = False
    reads: int = 0
    changes: int = 0

    def version(self) -> int:
        if self.broken:
            raise LedgerUnavailable("gone")
        return self.changes

    def events(self, *, kind: str, after: int, limit: int) -> tuple[LedgerEvent, ...]:
        if self.broken:
            raise LedgerUnavailable("gone")
        found = tuple(e for e in self.found if e.id > after and e.kind == kind)
        return found[:limit] if after else found[-limit:]

    def proposals(self, *, status: str, now: float) -> tuple[()]:
        return ()

    def view(self, now: float) -> LedgerView:
        self.reads += 1
        return LedgerView(now=now)


def denial(number: int, at: float) -> LedgerEvent:
    return LedgerEvent(number, "proj-1/web", at, "denial", {})


def test_denials_are_counted_over_a_minute_and_told_once(log: list[dict[str, Any]]) -> None:
    ledger, sent = Ledger(), []
    made = Notifier(
        ledger, lambda n, _: sent.append(n.kind), log.append, ledger.version, lambda: ledger.now
    )  # type: ignore[arg-type]
    ledger.found = [denial(i, 900.0) for i in range(1, BURST)]
    ledger.found += [denial(i, 999.0) for i in range(50, 50 + BURST - 1)]
    made.look(declared())
    assert sent == [], "the older ones do not count any more"
    ledger.found.append(denial(99, 1000.5))
    ledger.now, ledger.changes = 1001.5, 1
    made.look(declared())
    ledger.now, ledger.changes = 1003.0, 2
    made.look(declared())
    assert sent == ["denials"]


def test_a_flood_of_denials_never_makes_the_reader_fall_behind(log: list[dict[str, Any]]) -> None:
    ledger, sent = Ledger(), []
    made = Notifier(
        ledger, lambda n, _: sent.append(n.kind), log.append, ledger.version, lambda: ledger.now
    )  # type: ignore[arg-type]
    ledger.found = [denial(1, 10.0)]
    made.look(declared())
    ledger.found += [denial(i, 100.0) for i in range(2, 5000)]
    ledger.found += [denial(i, 1001.0) for i in range(5000, 5000 + BURST)]
    ledger.now, ledger.changes = 1002.0, 1
    made.look(declared())
    assert sent == ["denials"], "what is new counts, not the oldest that was not read yet"


def test_the_ledger_is_read_at_most_once_a_second(log: list[dict[str, Any]]) -> None:
    ledger = Ledger()
    made = Notifier(ledger, lambda *_: None, log.append, ledger.version, lambda: ledger.now)  # type: ignore[arg-type]
    for _ in range(50):
        made.look(declared())
        ledger.now += 0.05
        ledger.changes += 1
    assert ledger.reads == 3


def test_a_ledger_that_does_not_change_is_read_when_a_window_may_have_ended(
    log: list[dict[str, Any]],
) -> None:
    ledger = Ledger()
    made = Notifier(ledger, lambda *_: None, log.append, ledger.version, lambda: ledger.now)  # type: ignore[arg-type]
    for _ in range(61):
        made.look(declared())
        ledger.now += 1.0
    assert ledger.reads == 3


def test_a_ledger_in_trouble_raises_nothing_and_is_told_once(log: list[dict[str, Any]]) -> None:
    ledger = Ledger(broken=True)
    made = Notifier(ledger, lambda *_: None, log.append, ledger.version, lambda: ledger.now)  # type: ignore[arg-type]
    for _ in range(10):
        made.look(declared())
        ledger.now += 2.0
    assert [r["event"] for r in log] == ["notify-blind"]
    ledger.broken = False
    made.look(declared())
    assert ledger.reads == 1
