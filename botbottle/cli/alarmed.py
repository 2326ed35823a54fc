"""Alarms of the ledger service for ``bb status``: the newest of each kind, of the last day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botbottle.cli.documents.bottles import Reported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from botbottle.ledger.api import Ledger

RECENT = 24 * 3600.0  # seconds
MOST = 200  # events of one bottle that are looked at


def reported(ledger: Ledger | None, accounts: Iterable[str], now: float) -> tuple[Reported, ...]:
    """Estimated usage, sidecars that ask what no honest one does, rows that were refused: by
    bottle, each code once. Nothing before the first apply."""
    if ledger is None:
        return ()
    return tuple(each for account in sorted(accounts) for each in _of(ledger, account, now))


def _of(ledger: Ledger, account: str, now: float) -> Iterator[Reported]:
    found: dict[str, Reported] = {}
    bottle = account.rpartition("/")[2]
    for event in ledger.events(account=account, kind="alarm", limit=MOST):
        if event.at > now - RECENT:
            code, text = str(event.data.get("code")), str(event.data.get("message"))
            times = found[code].times + 1 if code in found else 1
            found[code] = Reported(bottle=bottle, code=code, message=text, at=event.at, times=times)
    yield from found.values()


def line(each: Reported) -> str:
    """For people."""
    times = f", {each.times} times today" if each.times > 1 else ""
    return f"{each.bottle}: {each.message} [{each.code}{times}; bb findings {each.bottle}]"
