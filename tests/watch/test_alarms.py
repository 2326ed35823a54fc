"""Alarms of the ledger service reach the operator."""

from __future__ import annotations

from typing import Any

from botbottle.ledger.records import LedgerEvent
from botbottle.watch.notifier import Notifier
from tests.support.worlds import declared
from tests.watch.test_notifier import Ledger, denial


def alarm(number: int, at: float, code: str, account: str = "proj-1/web") -> LedgerEvent:
    return LedgerEvent(number, account, at, "alarm", {"code": code, "message": f"why {number}"})


def test_an_alarm_is_told_once_a_minute_for_each_reason() -> None:
    ledger, sent, log = Ledger(), list[str](), list[dict[str, Any]]()
    made = Notifier(
        ledger, lambda n, _: sent.append(n.text), log.append, ledger.version, lambda: ledger.now
    )  # type: ignore[arg-type]
    ledger.found = [alarm(1, 900.0, "flood"), alarm(2, 999.0, "estimated")]
    ledger.found += [alarm(3, 999.0, "flood", "other-1/web"), denial(4, 999.0)]
    made.look(declared())
    assert sent == ["web: why 2"], "not what is long over, nor another project's"
    ledger.found += [alarm(5, 1001.0, "estimated"), alarm(6, 1001.0, "bad-request")]
    ledger.now, ledger.changes = 1002.0, 1
    made.look(declared())
    assert sent[1:] == ["web: why 6"]
    ledger.now, ledger.changes = 1070.0, 2
    made.look(declared())
    ledger.found.append(alarm(7, 1071.0, "estimated"))
    ledger.now, ledger.changes = 1072.0, 3
    made.look(declared())
    assert sent[2:] == ["web: why 7"]
