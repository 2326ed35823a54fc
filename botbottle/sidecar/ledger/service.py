"""Group commit: everything that is waiting is handled in one transaction, then answered.

While one batch is being written to disk the next one gathers in the sockets, so the cost of a
durable write is shared by all who wait, and a reply always means "on disk". Connections take
turns with a bounded number of frames each, so a busy one cannot keep the others waiting. Nor can
one that asks again sooner than others do: a sidecar that the system runs beside the service is
back for each batch, one on another processor for each second one. Who is ahead waits.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from botbottle import errors
from botbottle.ledger.api import Ledger
from botbottle.ledger.db import Violation
from botbottle.ledger.records import Refusal
from botbottle.model.usage import Exchange
from botbottle.sidecar.ledger import codec, frames, wire
from botbottle.sidecar.ledger.connection import TOO_LONG, Connection
from botbottle.sidecar.ledger.handlers import Handlers, Now, Refuse
from botbottle.sidecar.ledger.rates import Allowance, Rates

TURN = 16  # frames of one connection in one batch
# Turns that a connection may have had more than another that waits. A lead of few goes as it came,
# and to hold it back makes batches smaller: 8 cost a twentieth of the throughput.
AHEAD = 50
AWAY = 64  # batches; who had a turn in none of so many did not ask, and is owed none of them
LOOKING = 1000  # batches in which replays are looked for after one was met
MAX_MALFORMED = 16  # then the connection is closed

type Known = tuple[int, str, frames.Arguments] | None
type Asked = tuple[bytes, Known]
type Work = tuple[Connection, list[bytes]]
type Announce = Callable[[list[Exchange]], None]
type Log = Callable[[str, dict[str, Any]], None]


class Service:
    """The ledger's only writer of usage. Not thread-safe: belongs to one event loop. ``works`` is
    called whenever the ledger was written."""

    def __init__(
        self, ledger: Ledger, *, rates: Rates, log: Log, works: Callable[[], None] = lambda: None
    ) -> None:
        self._ledger, self._works = ledger, works
        self._rates = rates
        self._handlers = Handlers(ledger, rates)
        self._log = log
        self._round: list[Connection] = []
        self._turns = 0  # that whoever waited for the last batch had had at the least
        self._batch = 0
        self._allowances: dict[str, Allowance] = {}
        self._scheduled = False
        self._looking = 0  # batches yet to look for replays in
        self.failing = False  # the last batch could not be written

    def allowance(self, account: str) -> Allowance:
        """Shared by all connections of an account, also over reconnects."""
        return self._allowances.setdefault(account, Allowance(self._rates))

    def crowded(self, connection: Connection, why: str) -> None:
        """There is no room for this connection: it is told before it is closed."""
        connection.send(_refusal(None, "unavailable", why))
        if connection.caller.allowance.warns("descriptors", time.monotonic()):
            self._log("crowded", {"account": connection.caller.account, "error": why})

    def ready(self, connection: Connection) -> None:
        """A connection has frames."""
        if not connection.queued:
            connection.queued = True
            if connection.batch < self._batch - AWAY and connection.turns < self._turns:
                connection.turns = self._turns
            self._round.append(connection)
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        if self._round:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._run_batch)

    def _run_batch(self) -> None:
        self._scheduled = False
        work = self._gather()
        now = Now(time.time(), time.monotonic())
        try:
            replies = self._handled(work, now)
            self._works()
            self._recovered()
        except errors.LedgerError as error:
            replies = [self._unavailable(lines, error) for _, lines in work]
        except Exception as error:  # noqa: BLE001  # fail closed: nothing was written, nobody is told it was
            self._log("bug", {"error": repr(error)[:500]})
            replies = [self._alone(c, lines, now) for c, lines in work]
        for (connection, _), reply in zip(work, replies, strict=True):
            connection.send(reply)
            if connection.malformed > MAX_MALFORMED:
                connection.close()
        self._schedule()

    def _handled(self, work: list[Work], now: Now) -> list[bytes]:
        """The replies, after the commit. What is told is presumed to be told for the first time;
        where that is wrong, all of it is done again with a look at what is known, and so is what
        comes for a while: replays cost those who do not send them nothing."""
        if not self._looking:
            try:
                return self._together(work, now, self._ledger.presume)
            except Violation:
                self._looking = LOOKING
                for connection, _ in work:  # what was told is undone with the rest
                    connection.caller.allowance.untold(now.tick)
        self._looking -= 1
        return self._together(work, now, self._ledger.expect)

    def _together(self, work: list[Work], now: Now, announce: Announce) -> list[bytes]:
        """Everything in one transaction."""
        with self._ledger.batch():
            asked = [self._read(c, lines, now) for c, lines in work]
            if told := _told(asked):
                announce(told)
            return [
                b"".join([self._answer(c, line, frame, now) for line, frame in lines])
                for (c, _), lines in zip(work, asked, strict=True)
            ]

    def _gather(self) -> list[Work]:
        """One turn for every waiting connection. Those with more frames wait for the next batch,
        and those that had a turn in the last one and are ahead of another that waits."""
        work: list[Work] = []
        waiting, self._round = self._round, []
        least = min([connection.turns for connection in waiting], default=0)
        self._turns, last, self._batch = max(self._turns, least), self._batch, self._batch + 1
        for connection in waiting:
            if connection.turns <= least + AHEAD or connection.batch != last:
                connection.turns, connection.batch = connection.turns + 1, self._batch
                work.append((connection, connection.take(TURN)))
                connection.queued = bool(connection.frames)
            if connection.queued:
                self._round.append(connection)
        return work

    def _read(self, connection: Connection, lines: list[bytes], now: Now) -> list[Asked]:
        """What was sent, each line with what ``frames`` makes of it."""
        size = sum(map(len, lines))
        if not connection.caller.allowance.octets.take(size, now.tick):
            connection.malformed += MAX_MALFORMED + 1  # not even read: that costs, too
            self._alarm(connection, "flood", "too many bytes", now)
            return []
        return [(line, frames.read(line, now.wall)) for line in lines]

    def _answer(self, connection: Connection, line: bytes, known: Known, now: Now) -> bytes:
        number: int | None = None
        try:
            if known is not None:
                number, op, arguments = known
                answer = self._handlers.frequent(connection.caller, op, arguments, now)
            else:
                if line == TOO_LONG:
                    connection.malformed += MAX_MALFORMED  # the rest of it would be garbage
                    raise wire.BadRequest("frame too long")
                frame = codec.decode(line)
                number = frame["id"]
                answer = self._handlers.handle(connection.caller, frame, now)
            return codec.reply(number, type(answer) is not Refusal, answer)
        except wire.BadRequest as error:
            connection.malformed += 1
            self._alarm(connection, "bad-request", str(error), now)
            return _refusal(number, "bad-request", str(error))
        except Refuse as refusal:
            if refusal.alarm:
                self._alarm(connection, refusal.code, str(refusal), now)
            return _refusal(number, refusal.code, str(refusal), refusal.retry_after)
        except errors.Refused as error:
            return _refusal(number, "unknown-account", error.message)

    def _alone(self, connection: Connection, lines: list[bytes], now: Now) -> bytes:
        """After a bug in a batch, or rows that the database refuses: each frame in a transaction
        of its own, answered after its commit."""
        replies = []
        for line in lines:
            try:
                with self._ledger.batch():
                    reply = self._answer(connection, line, frames.read(line, now.wall), now)
                replies.append(reply)
            except Exception as error:  # noqa: BLE001  # fail closed for this frame only
                self._log("bug", {"account": connection.caller.account, "error": repr(error)[:500]})
                replies.append(_refusal(_number(line), "unavailable", "internal error"))
        return b"".join(replies)

    def _unavailable(self, lines: list[bytes], error: errors.LedgerError) -> bytes:
        if not self.failing:
            self.failing = True
            self._log("unavailable", {"error": str(error), "code": error.code})
        return b"".join(
            _refusal(_number(line), "unavailable", "the ledger cannot be written") for line in lines
        )

    def _recovered(self) -> None:
        if self.failing:
            self.failing = False
            self._log("available", {})

    def _alarm(self, connection: Connection, code: str, message: str, now: Now) -> None:
        """Keep what no honest sidecar does; bounded, so that it fills nothing."""
        caller = connection.caller
        if caller.account and caller.allowance.alarms.take(1, now.tick):
            data = {"code": code, "message": message, "source": "ledger-service"}
            self._ledger.record_event(caller.account, "alarm", data, now=now.wall)
            self._log("alarm", {"account": caller.account, **data})


def _told(asked: list[list[Asked]]) -> list[Exchange]:
    """All that a batch settles."""
    return [
        exchange
        for lines in asked
        for _, known in lines
        if known is not None and known[1] == "settle"
        for exchange in known[2][1]
    ]


def _refusal(number: int | None, code: str, message: str, after: float = 0) -> bytes:
    reply: dict[str, Any] = {"code": code, "message": message}
    if after:
        reply["retry_after"] = after
    return codec.reply(number, False, reply)


def _number(line: bytes) -> int | None:
    """The request's id, if it has one."""
    try:
        return int(codec.decode(line)["id"])
    except wire.BadRequest:
        return None
