"""Containers of others on a bottle's sealed network: told of, never touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from botbottle.model import labels
from botbottle.model.plan import Notice
from botbottle.planner.draft import Draft
from botbottle.planner.wanted import Wanted


def intruders(draft: Draft, wants: Iterable[Wanted]) -> tuple[Notice, ...]:
    """BB332, in a stable order. Only who controls the engine can connect one, but nothing else in a
    plan would show that the network leads elsewhere now, and that somebody else may use what the
    sidecar adds."""
    return tuple(sorted(_found(draft, wants), key=lambda n: (n.bottle, n.message)))


def _found(draft: Draft, wants: Iterable[Wanted]) -> Iterator[Notice]:
    home = draft.facts.paths.home_id
    strange = {c.id: c.name for c in draft.observed.containers if c.labels.get(labels.HOME) != home}
    for want in wants:
        for network in draft.my_networks(want.spec.name):
            for name in sorted(strange[e] for e in network.endpoints if e in strange):
                yield Notice("BB332", want.spec.name, _told(name, network.name))


def _told(name: str, network: str) -> str:
    return (
        f"the container {name}, which is not ours, is on {network}: it can use this bottle's "
        f"routes, credentials and budget, and the agent can reach it; "
        f"docker network disconnect {network} {name}"
    )
