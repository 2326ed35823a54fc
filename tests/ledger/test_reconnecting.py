"""A PostgreSQL connection that was lost: one thread makes it again, and nobody waits for it."""

from __future__ import annotations

import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from botbottle import errors
from botbottle.ledger.opening import open_ledger
from tests.ledger.worlds import emptied

pytestmark = pytest.mark.postgres
NAME = ".s.PGSQL.5432"
PATIENCE = 60.0  # seconds until a test gives up


class Between:
    """Stands between a client and the server's socket; can stop answering, and hang up."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.silent, self.accepted = False, 0
        self.frozen = threading.Event()  # an open connection brings nothing more
        self._server, self._open = server, list[socket.socket]()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / NAME))
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self.accepted += 1
                if not self.silent:
                    self._join(client)

    def _join(self, client: socket.socket) -> None:
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(self._server / NAME))
        self._open.append(far)
        for a, b in ((client, far), (far, client)):
            threading.Thread(target=_copy, args=(a, b, self.frozen), daemon=True).start()

    def hang_up(self) -> None:
        """End every connection."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.hang_up()


def _copy(source: socket.socket, target: socket.socket, frozen: threading.Event) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            while frozen.is_set():
                time.sleep(0.01)
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def between(postgres_url: str) -> Iterator[tuple[Between, str]]:
    query = dict(parse_qsl(urlsplit(emptied(postgres_url)).query))
    with tempfile.TemporaryDirectory(prefix="bbp") as folder:
        made = Between(Path(folder), Path(query["host"]))
        yield made, f"postgresql:///?{urlencode({**query, 'host': folder})}"
        made.close()


def outcome(call: Callable[[], Any]) -> str:
    try:
        call()
    except errors.LedgerUnavailable as error:
        return str(error)
    return ""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def connecting() -> int:
    return sum(t.name == "bb-ledger-connect" for t in threading.enumerate())


def test_while_the_server_does_not_answer_one_thread_waits_for_it_and_nobody_else(
    between: tuple[Between, str],
) -> None:
    server, url = between
    ledger = open_ledger(url)
    server.silent = True
    server.hang_up()
    lost = outcome(ledger.accounts)  # finds out
    before = server.accepted
    answers = {outcome(ledger.accounts) for _ in range(50)}
    assert connecting() <= 1
    assert lost and all(answers)
    assert server.accepted <= before + 2, "50 callers began no 50 attempts"
    server.silent = False
    server.hang_up()
    wait_until(lambda: not outcome(ledger.accounts))
    ledger.close()


@pytest.mark.parametrize("frozen", [False, True])
def test_a_server_that_hangs_while_its_network_works_is_given_up(
    between: tuple[Between, str], monkeypatch: pytest.MonkeyPatch, frozen: bool
) -> None:
    monkeypatch.setattr("botbottle.ledger.postgres.ANSWER", 1.0 if frozen else PATIENCE)
    server, url = between
    ledger = open_ledger(url)
    if frozen:
        server.frozen.set()
    told: list[str] = []
    asking = threading.Thread(target=lambda: told.append(outcome(ledger.accounts)), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    assert [bool(text) for text in told] == [frozen]
    server.frozen.clear()
    wait_until(lambda: not outcome(ledger.accounts))
    ledger.close()
    wait_until(lambda: not any(t.name == "bb-ledger-deadline" for t in threading.enumerate()))


def test_a_server_that_answers_is_back_for_the_very_next_call(between: tuple[Between, str]) -> None:
    server, url = between
    ledger = open_ledger(url)
    server.hang_up()
    assert outcome(ledger.accounts), "this one had the lost connection"
    wait_until(lambda: not outcome(ledger.accounts))  # under load the first may not wait enough
    assert ledger.accounts() == ()
    ledger.close()


def test_a_connection_that_comes_after_its_ledger_was_closed_is_closed(
    between: tuple[Between, str],
) -> None:
    server, url = between
    ledger = open_ledger(url)
    server.silent = True
    server.hang_up()
    while not connecting():
        outcome(ledger.accounts)
    ledger.close()
    server.silent = False
    server.hang_up()
    wait_until(lambda: not connecting())
