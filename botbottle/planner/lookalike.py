"""What looks like ours and is not: reported with the way to take it over, never touched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from botbottle.model import labels
from botbottle.model.looks import Look, look
from botbottle.model.plan import Notice
from botbottle.planner.draft import Draft
from botbottle.planner.wanted import Wanted


def lookalikes(draft: Draft, wants: Iterable[Wanted]) -> tuple[Notice, ...]:
    """BB330: a container, network or volume with a name of our pattern and no label of any home,
    in a stable order. Names that stand in the way of something wanted have a notice of their own
    (BB801)."""
    return tuple(sorted(_found(draft, wants), key=lambda n: n.message))


def _found(draft: Draft, wants: Iterable[Wanted]) -> Iterator[Notice]:
    observed, blocked = draft.observed, {n.message for n in draft.notices if n.code == "BB801"}
    declared = {w.spec.name for w in wants}
    taken = {v.labels.get(labels.ADOPTED, "") for v in observed.volumes}
    for container in observed.containers:
        if _unlabelled(container.labels) and container.id not in taken:
            yield from _report("container", container.name, container.id, declared, blocked)
    for network in observed.networks:
        if _unlabelled(network.labels):
            yield from _report("network", network.name, network.id, declared, blocked)
    for volume in observed.volumes:
        if _unlabelled(volume.labels):
            yield from _report("volume", volume.name, "", declared, blocked)


def _unlabelled(marks: Mapping[str, str]) -> bool:
    return labels.HOME not in marks


def _report(
    kind: str, name: str, identity: str, declared: set[str], blocked: set[str]
) -> Iterator[Notice]:
    found = look(name)
    if found is None or any(name in message for message in blocked):
        return
    bottle = found.bottle if found.bottle in declared else ""
    where = f" ({identity[:12]})" if identity else ""
    text = f"the {kind} {name}{where} looks like bb's but has no label of bb; it is left alone"
    yield Notice("BB330", bottle, text + _way(found, bottle, name))


def _way(found: Look, bottle: str, name: str) -> str:
    """The next command. Only an agent has anything to take over: its home and workspace."""
    if found.role != "agent":
        return ""
    return f". Take over its files: bb adopt {bottle or 'BOTTLE'} --from {name}"
