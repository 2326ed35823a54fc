"""Names that this run gave to containers and networks, with the ids behind them.

Ops name what an earlier op of the same plan creates; calls go by id wherever it is known, as
network names are not unique on every engine and container names change hands in a replace.
"""

from __future__ import annotations

import threading

from msgspec.structs import replace

from botbottle.model.plan import Ref


class Names:
    """Name → id, for containers and networks apart. Safe for several threads."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def learn(self, kind: str, name: str, identity: str) -> None:
        with self._lock:
            self._ids[kind, name] = identity

    def container(self, ref: Ref) -> Ref:
        return self._resolve("container", ref)

    def network(self, ref: Ref) -> Ref:
        return self._resolve("network", ref)

    def as_dict(self) -> dict[str, str]:
        """All names with their ids."""
        with self._lock:
            return {name: identity for (_, name), identity in self._ids.items()}

    def _resolve(self, kind: str, ref: Ref) -> Ref:
        if ref.id:
            return ref
        with self._lock:
            return replace(ref, id=self._ids.get((kind, ref.name), ""))
