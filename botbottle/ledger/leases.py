"""The fenced right to enforce: a row with an epoch that grows with every change of holder.

A lease alone does not stop a holder that was asleep from acting late, so whoever writes asks
``check_lease`` with its epoch before each write.
"""

from __future__ import annotations

from botbottle.ledger.base import Part
from botbottle.ledger.records import WatchLease


class Leases(Part):
    """See ``api.Leases``."""

    def acquire_lease(
        self, name: str, holder: str, *, ttl: float, now: float, info: str = ""
    ) -> WatchLease | None:
        with self.db.write():
            held = self.lease(name)
            if held is not None and held.holder != holder and held.expires > now:
                return None
            same = held is not None and held.holder == holder and held.expires > now
            epoch = (held.epoch if held else 0) + (0 if same else 1)
            self.db.run(
                "INSERT INTO lease (name, holder, epoch, expires, info) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder,"
                " epoch = excluded.epoch, expires = excluded.expires, info = excluded.info",
                name,
                holder,
                epoch,
                now + ttl,
                info,
            )
            return WatchLease(name, holder, epoch, now + ttl, info)

    def lease(self, name: str) -> WatchLease | None:
        row = self.db.one(
            "SELECT name, holder, epoch, expires, info FROM lease WHERE name = ?", name
        )
        return None if row is None else WatchLease(*row)

    def check_lease(self, name: str, epoch: int, *, now: float) -> bool:
        held = self.lease(name)
        return held is not None and held.epoch == epoch and held.expires > now

    def drop_lease(self, name: str, epoch: int) -> None:
        """Give it back; the epoch stays, so that the next holder's is greater."""
        with self.db.write():
            sql = "UPDATE lease SET expires = 0 WHERE name = ? AND epoch = ?"
            self.db.run(sql, name, epoch)
