"""What the responses of one socket may use before the ledger is asked again. Pure.

Each is reported under its own lease: the ledger takes that lease's reservation out of what is
reserved, and leaves the others' in. What one response has used beyond its reservation is room
that the others of its socket do not have, from that very frame on.
"""

from __future__ import annotations

from dataclasses import dataclass

from botbottle.budget.counting import counted
from botbottle.ledger.records import Admitted
from botbottle.model.usage import Tokens
from botbottle.sidecar.egress.spend import STEP, STEP_SHARE


@dataclass(slots=True)
class Share:
    """One admission. ``allowed``: counted tokens that it may reach; None: nothing limits it."""

    admitted: Admitted
    allowed: int | None
    used: int = 0
    reported: int = 0
    asking: bool = False

    @property
    def unknown(self) -> int:
        """Tokens that the ledger knows of neither by reservation nor by report."""
        return max(0, self.used - max(self.reported, self.admitted.reserved))


class Shares:
    """Those of one socket, by request id."""

    def __init__(self) -> None:
        self._all: dict[str, Share] = {}

    def __bool__(self) -> bool:
        return bool(self._all)

    def get(self, request_id: str) -> Share | None:
        return self._all.get(request_id)

    def holds(self, lease: str) -> bool:
        """Whether this is the lease of one of them."""
        return any(share.admitted.lease == lease for share in self._all.values())

    def add(self, request_id: str, admitted: Admitted) -> None:
        """A request was admitted: what is reserved for it is not the others' any more."""
        room = admitted.room
        share = Share(admitted, None if room is None else admitted.reserved + room)
        self._all[request_id] = share
        self._take(admitted.reserved, share)

    def pop(self, request_id: str) -> str:
        """The lease of a request that is over; '': it had none."""
        share = self._all.pop(request_id, None)
        return share.admitted.lease if share else ""

    def drain(self) -> list[str]:
        """All leases: the socket is gone."""
        leases = [share.admitted.lease for share in self._all.values()]
        self._all.clear()
        return leases

    def due(self, share: Share, tokens: Tokens) -> bool:
        """Whether a response that has used ``tokens`` so far is to be reported now: it grew by a
        step, all together did, or it is beyond what is known to be there."""
        share.used = counted(tokens, share.admitted.count)
        if share.allowed is None or share.asking:
            return False
        unknown = sum(s.unknown for s in self._all.values())
        left = share.allowed - share.used - (unknown - share.unknown)
        step = max(STEP, left // STEP_SHARE)
        together = share.unknown > 0 and unknown >= step
        return left < 0 or share.used - share.reported >= step or together

    def reporting(self, share: Share) -> None:
        """The ledger is told what it has used."""
        self._take(share.unknown, share)
        share.reported, share.asking = share.used, True

    def _take(self, tokens: int, by: Share) -> None:
        for share in self._all.values():
            if share is not by and share.allowed is not None:
                share.allowed -= tokens
