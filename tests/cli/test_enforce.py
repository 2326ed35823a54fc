"""An order reaches every bottle it names, whatever one of their sidecars says."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botbottle.cli import enforce
from botbottle.cli.context import Context
from botbottle.cli.ordered import Reached
from botbottle.errors import EngineUnreachable, LedgerUnavailable, Refused
from botbottle.ledger import open_ledger
from botbottle.model.paths import HomePaths, account
from tests.cli.fakes import context
from tests.control.hostile import JUNK, MARK
from tests.control.test_client import Listener

NAMES = ("a", "b", "c")
DECLARED = SimpleNamespace(project=SimpleNamespace(id="p"))


class Fleet:
    """Three bottles with a ledger and sidecars. ``passes``: verb, bottles, who was held."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths = HomePaths(str(home))
        self.url = str(home / "ledger.db")
        self.passes: list[tuple[str, tuple[str, ...], set[str]]] = []
        self.listeners = {name: self._listener(name) for name in NAMES}
        self.at_cut: list[set[str]] = []
        ledger = open_ledger(self.url, create=True)
        for name in NAMES:
            ledger.register(account("p", name), ())
        ledger.close()
        session = SimpleNamespace(paths=self.paths)
        monkeypatch.setattr(enforce, "reached", lambda *_: Reached(session, DECLARED, NAMES))
        monkeypatch.setattr(enforce, "writing", lambda *_: open_ledger(self.url))
        monkeypatch.setattr(enforce, "carry_out", self._carry_out)

    def _listener(self, name: str) -> Listener:
        folder = Path(self.paths.bottle("p", name).control)
        folder.mkdir(parents=True)
        made = Listener(folder)
        made.reply = self._cut
        return made

    def _cut(self, _: object) -> dict[str, Any]:
        self.at_cut.append(self.held())
        return {"ok": True, "streams": 1}

    def _carry_out(self, run: Any, *_: object, **__: object) -> int:
        self.passes.append((run.verb, run.only, self.held()))
        return 0

    def held(self) -> set[str]:
        ledger = open_ledger(self.url, read_only=True)
        try:
            return {key.partition("/")[2] for key in ledger.view(1.0).holds}
        finally:
            ledger.close()

    def seen(self) -> dict[str, list[str]]:
        return {name: [s["op"] for s in found.seen] for name, found in self.listeners.items()}

    def close(self) -> None:
        for listener in self.listeners.values():
            listener.close()


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory(prefix="bb-") as home:  # short: sockets are below it
        made = Fleet(Path(home), monkeypatch)
        yield made
        made.close()


def shown(made: Context) -> str:
    assert isinstance(made.err, io.StringIO)
    return made.err.getvalue()


def test_every_bottle_is_held_before_the_first_is_cut(fleet: Fleet) -> None:
    made = context()
    assert enforce.order(made, "kill", (), True, "") == 0
    assert fleet.at_cut == [set(NAMES)] * 3
    assert fleet.seen() == {name: ["cut"] for name in NAMES}
    assert made.err.getvalue() == ""  # type: ignore[attr-defined]


def test_a_bottle_that_a_stronger_order_holds_leaves_no_other_uncut(fleet: Fleet) -> None:
    ledger = open_ledger(fleet.url)
    ledger.hold(account("p", "a"), "kill", by="ann", now=1.0)
    ledger.close()
    made = context()
    assert enforce.order(made, "cutoff", (), True, "") == 0
    assert fleet.passes == [("cutoff", ("b", "c"), set(NAMES))]
    assert fleet.seen() == {"a": [], "b": ["cut"], "c": ["cut"]}
    assert shown(made) == "bb cutoff: p/a is held by a stronger order already (kill)\n"
    ledger = open_ledger(fleet.url)
    for name in ("b", "c"):
        ledger.hold(account("p", name), "kill", by="ann", now=2.0)
    ledger.close()
    with pytest.raises(Refused, match="p/a is held by a stronger order") as caught:
        enforce.order(made, "cutoff", (), True, "")
    assert caught.value.hint == "bb release a"


@pytest.mark.parametrize("junk", JUNK)
def test_a_hostile_first_bottle_saves_neither_itself_nor_the_others(
    fleet: Fleet, junk: bytes
) -> None:
    fleet.listeners["a"].reply = lambda _: junk
    made = context()
    assert enforce.order(made, "kill", (), True, "") == 0
    assert fleet.passes == [("kill", NAMES, set(NAMES))]
    assert fleet.seen() == {name: ["cut"] for name in NAMES}
    told = shown(made)
    assert told.startswith("bb: a was not cut off at once: ") and told.count("\n") == 1
    assert MARK not in told


def test_a_refusal_is_told_without_steering_the_terminal(fleet: Fleet) -> None:
    fleet.listeners["b"].reply = lambda _: {"ok": False, "error": "no\x1b[2J"}
    made = context()
    assert enforce.order(made, "cutoff", (), True, "") == 0
    told = shown(made)
    assert "b was not cut off" in told and "\x1b" not in told and len(fleet.passes) == 1


def test_a_bottle_that_does_not_run_is_nothing_to_tell(fleet: Fleet) -> None:
    Path(fleet.paths.bottle("p", "a").control, "control.sock").unlink()
    made = context()
    assert enforce.order(made, "kill", (), True, "") == 0
    assert made.err.getvalue() == ""  # type: ignore[attr-defined]
    assert fleet.seen() == {"a": [], "b": ["cut"], "c": ["cut"]}


def test_every_bottle_is_cut_though_the_ledger_takes_no_order(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(fleet.url)
    hold = ledger.hold

    def failing(key: str, *args: Any, **kwargs: Any) -> object:
        if key.endswith("/b"):
            raise LedgerUnavailable("locked")
        return hold(key, *args, **kwargs)

    monkeypatch.setattr(ledger, "hold", failing)
    monkeypatch.setattr(enforce, "writing", lambda *_: ledger)
    with pytest.raises(LedgerUnavailable):
        enforce.order(made := context(), "cutoff", (), True, "")
    assert fleet.seen() == {name: ["cut"] for name in NAMES} and fleet.passes == []
    assert "a, b, c: cut off for now; it is not recorded, so repeat it" in shown(made)


def test_an_order_stands_though_no_engine_answers(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object, **__: object) -> int:
        raise EngineUnreachable("no engine")

    monkeypatch.setattr(enforce, "carry_out", down)
    with pytest.raises(EngineUnreachable):
        enforce.order(made := context(), "cutoff", ("a",), False, "")
    assert fleet.held() == set(NAMES) and "it stands" in shown(made)
