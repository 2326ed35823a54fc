"""Which op may run next: the plan's dependency graph and its state. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from botbottle.model.plan import Op


class Dag:
    """Ops move from waiting to ready to started; plan order breaks ties. Each edge is walked
    once, so the whole run costs O(ops + edges)."""

    def __init__(self, ops: Sequence[Op]) -> None:
        """Raises ValueError on duplicate ids, unknown dependencies and cycles."""
        self._ops = list(ops)
        self.order = {op.id: n for n, op in enumerate(ops)}
        if len(self.order) != len(ops):
            raise ValueError("the plan has two ops with one id")
        unknown = {a for op in ops for a in op.after} - self.order.keys()
        if unknown:
            raise ValueError(f"the plan depends on ops it does not have: {sorted(unknown)}")
        self._needs = {op.id: len(set(op.after)) for op in ops}  # of ops not yet started
        self._dependents: dict[str, list[str]] = {op.id: [] for op in ops}
        for op in ops:
            for needed in set(op.after):
                self._dependents[needed].append(op.id)
        self._ready = [n for n, op in enumerate(ops) if not op.after]
        self._check_cycles()

    def take(self) -> Op | None:
        """The next op to start, in plan order; None while nothing is ready."""
        if not self._ready:
            return None
        op = self._ops[heapq.heappop(self._ready)]
        del self._needs[op.id]
        return op

    def put_back(self, op: Op) -> None:
        """Undo ``take``."""
        self._needs[op.id] = 0
        heapq.heappush(self._ready, self.order[op.id])

    def done(self, op: Op) -> None:
        """Its dependents wait for one op less."""
        for identity in self._dependents[op.id]:
            if identity in self._needs:
                self._needs[identity] -= 1
                if not self._needs[identity]:
                    heapq.heappush(self._ready, self.order[identity])

    def failed(self, op: Op) -> list[Op]:
        """Everything that depends on it, directly or not, will not run; in plan order."""
        blocked: set[str] = set()
        frontier = [op.id]
        while frontier:
            for identity in self._dependents[frontier.pop()]:
                if identity in self._needs:
                    del self._needs[identity]
                    blocked.add(identity)
                    frontier.append(identity)
        return [self._ops[n] for n in sorted(self.order[i] for i in blocked)]

    def rest(self) -> list[Op]:
        """What was neither started nor blocked, in plan order."""
        return [op for op in self._ops if op.id in self._needs]

    def _check_cycles(self) -> None:
        needs, free = dict(self._needs), [op.id for op in self._ops if not op.after]
        for identity in free:
            del needs[identity]
        while free:
            for dependent in self._dependents[free.pop()]:
                needs[dependent] -= 1
                if not needs[dependent]:
                    del needs[dependent]
                    free.append(dependent)
        if needs:
            raise ValueError(f"the plan's ops wait for each other: {sorted(needs)}")
