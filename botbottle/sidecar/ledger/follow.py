"""What the service does beside its batches: it follows the ledger's accounts, its owner's
password and its own upkeep."""

from __future__ import annotations

import asyncio
import time
from math import inf

from botbottle import errors
from botbottle.ledger.api import Ledger
from botbottle.sidecar.ledger.probe import Probe
from botbottle.sidecar.ledger.service import Log
from botbottle.sidecar.ledger.sockets import Doors

POLL_SECONDS = 0.02  # how soon a new account gets its socket
RETRY_SECONDS = 1.0  # while the ledger cannot be used, or a socket not be made
UPKEEP_SECONDS = 30.0
# Transactions after which the log of the database is copied. Commits that meet the copying wait for
# the disk, and it takes much the same time however long the log is: so seldom, but before the log
# has so many pages (13 for each where 64 bottles take turns) that a commit copies it itself.
RELIEVE = 700


class Follower:
    """One for each service; belongs to its event loop."""

    def __init__(self, ledger: Ledger, doors: Doors, probe: Probe, log: Log) -> None:
        self._ledger, self._doors, self._probe, self._log = ledger, doors, probe, log
        self._seen = -1  # revision of the accounts that have their sockets
        self._begun = 0  # transactions that had begun at the last look
        self._again = inf  # when sockets that could not be made are tried again
        self._upkeep = 0.0
        self._relieved = 0
        self._complaints: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until ``stop``, or until the ledger has to be opened anew. An error of the ledger is
        told to the probe and tried again."""
        while not (stop.is_set() or self._ledger.replaced()):
            try:
                await self._rekey()
                await self._accounts()
                self._forget()
                await self._relieve()
                self._probe.works()
            except errors.LedgerError as error:
                self._complain(error)
                await self._probe.handed(RETRY_SECONDS)
            await asyncio.sleep(POLL_SECONDS)  # to wait for ``stop``, too, costs ten times as much

    async def _rekey(self) -> None:
        """A password that was handed over is used from now on, if the server takes it. In a
        thread: while the server does not answer, the batches go on."""
        password = self._probe.take()
        if password is None or password == self._ledger.password:
            return
        try:
            await asyncio.to_thread(self._ledger.rekey, password)
        except errors.LedgerError as error:  # the connection there was goes on, if it can
            self._log("password refused", {"error": str(error), "code": error.code})
        else:
            self._probe.use(self._ledger.password)
            self._log("password changed", {})

    async def _accounts(self) -> None:
        """Keep the sockets equal to the accounts. Batches since the last look have looked, too."""
        begun, revision = self._ledger.transactions, -1
        if begun != self._begun:
            self._begun, revision = begun, self._ledger.found()
        if revision < 0:
            revision = self._ledger.revision()
        if revision != self._seen or time.monotonic() > self._again:
            self._seen, self._again = revision, inf
            await self._doors.update({a.name for a in self._ledger.accounts()}, self._failed)

    def _failed(self, account: str, error: OSError) -> None:
        self._again = time.monotonic() + RETRY_SECONDS
        if account not in self._complaints:
            self._complaints.add(account)
            self._log("socket", {"account": account, "error": str(error)})

    def _forget(self) -> None:
        if time.monotonic() > self._upkeep:
            self._upkeep = time.monotonic() + UPKEEP_SECONDS
            self._ledger.forget_leases(time.time())

    async def _relieve(self) -> None:
        """In a thread: the batches go on."""
        begun = self._ledger.transactions
        if begun - self._relieved >= RELIEVE:
            self._relieved = begun
            await asyncio.to_thread(self._ledger.relieve)

    def _complain(self, error: errors.LedgerError) -> None:
        if self._probe.why != str(error):
            self._probe.why = str(error)
            self._log("unavailable", {"error": str(error), "code": error.code})
