"""Taking over the files of a container that is not this bottle's. Pure.

Nothing of the source is changed: its home and workspace are read, searched for credentials, and
copied into new volumes of the bottle, which the next apply gives to a new, hardened agent. The
order makes a crash harmless: the copy exists as an image before there is a volume, volumes are
only ever filled while they are empty, and the image goes last, so its absence means done.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from botbottle.errors import Refused
from botbottle.model import labels
from botbottle.model.bottle import Declared
from botbottle.model.ledger_view import LedgerView
from botbottle.model.plan import (
    Action,
    CreateVolume,
    Plan,
    Ref,
    RemoveImage,
    RestoreVolumes,
    SaveVolumes,
)
from botbottle.model.resources import ContainerSpec, Mount, Observed, ObservedContainer
from botbottle.planner.bottles import wants_of
from botbottle.planner.draft import Draft, container_labels, owner_labels, volume_labels
from botbottle.planner.facts import Facts
from botbottle.planner.wanted import Wanted

ALIVE = ("running", "paused", "restarting")


def adoption(
    declared: Declared,
    observed: Observed,
    view: LedgerView,
    facts: Facts,
    bottle: str,
    source: ObservedContainer,
    *,
    under_way: bool,
) -> Plan:
    """The plan that copies ``source``'s files into the volumes of ``bottle``; empty when that is
    done. ``under_way``: the image ``adopted_tag`` exists. Raises Refused when anything of the
    bottle could be lost, or the source is not at rest."""
    draft = Draft(declared.project.id, facts, observed)
    wants = wants_of(draft, declared, view)
    want = next(w for w in wants if w.spec.name == bottle)
    if _filled(draft, want, source) and not under_way:
        return Plan(declared.project.id, bb_version=facts.bb_version)
    _check(draft, want, source)
    _copy(draft, want, source)
    return Plan(
        declared.project.id,
        changes=tuple(draft.changes),
        ops=tuple(draft.ops),
        bb_version=facts.bb_version,
    )


def adopted_tag(bottle: str, source: ObservedContainer) -> str:
    """Tag of the copy on its way."""
    return f"botbottle/adopted-{bottle}:{source.id[:12]}"


def _filled(draft: Draft, want: Wanted, source: ObservedContainer) -> bool:
    """All volumes were made for the files of this source."""
    mine = {v.name: v.labels.get(labels.ADOPTED) for v in draft.my_volumes(want.spec.name)}
    return all(mine.get(v.name) == source.id for v in want.volumes)


def _check(draft: Draft, want: Wanted, source: ObservedContainer) -> None:
    name = want.spec.name
    if source.state in ALIVE:
        raise Refused(
            f"{source.name} runs, so its files may change while they are copied",
            code="BB7020",
            hint=f"stop it, then again: docker stop {source.name}",
        )
    if draft.mine(name, "agent"):
        raise Refused(
            f"{name} has an agent already, with files of its own",
            code="BB7021",
            hint=f"declare another bottle for {source.name}; nothing is merged or overwritten",
        )
    others = (v for v in draft.my_volumes(name) if v.labels.get(labels.ADOPTED) != source.id)
    if kept := sorted(v.name for v in others):
        raise Refused(
            f"{name} has volumes with files already: {', '.join(kept)}",
            code="BB7022",
            hint="declare another bottle; nothing is merged or overwritten",
        )
    if held := sorted(v.name for v in want.volumes if v.name in draft.index.strange_volumes):
        raise Refused(
            f"volumes that are not ours hold the names {', '.join(held)}",
            code="BB7023",
            hint="rename or remove them; bb never touches what is not its own",
        )


def _copy(draft: Draft, want: Wanted, source: ObservedContainer) -> None:
    name = want.spec.name
    tag = adopted_tag(name, source)
    resource, volumes = f"{name}/volume", [m for m in want.agent.mounts if m.kind == "volume"]
    draft.change(resource, name, Action.ADOPT, "adopted", note=f"files of {source.name}")
    saved = draft.add(
        SaveVolumes(
            id=f"copy:{name}/files",
            resource=resource,
            bottle=name,
            reason="adopted",
            ref=Ref(source.name, source.id),
            tag=tag,
            snapshot="",
            paths=tuple(sorted(m.target for m in volumes)),
            labels=tuple(
                sorted(
                    owner_labels(draft.facts, want.spec.project, name, "snapshot-volumes").items()
                )
            ),
        )
    )
    made = [_volume(draft, want, mount, source, saved) for mount in volumes]
    spec = _restorer(want, tag, volumes)
    restored = draft.add(
        RestoreVolumes(
            id=f"restore:{name}/files",
            resource=resource,
            bottle=name,
            reason="adopted",
            after=tuple(made),
            spec=spec,
            labels=container_labels(draft.facts, want.spec.project, spec, ""),
        )
    )
    draft.add(
        RemoveImage(
            id=f"remove:{name}/copy",
            resource=resource,
            bottle=name,
            reason="adopted",
            after=(restored,),
            tag=tag,
        )
    )


def _volume(draft: Draft, want: Wanted, mount: Mount, source: ObservedContainer, saved: str) -> str:
    spec = next(v for v in want.volumes if v.name == mount.source)
    marks = dict(volume_labels(draft.facts, want.spec.project, spec))
    return draft.add(
        CreateVolume(
            id=f"create:volume:{spec.name}",
            resource=f"{want.spec.name}/volume",
            bottle=want.spec.name,
            reason="adopted",
            after=(saved,),
            spec=spec,
            labels=tuple(sorted({**marks, labels.ADOPTED: source.id}.items())),
        )
    )


def _restorer(want: Wanted, tag: str, volumes: Sequence[Mount]) -> ContainerSpec:
    """Made so that the engine fills the volumes; never started."""
    return ContainerSpec(
        name=f"{want.names.agent}-restore",
        kind="restore",
        bottle=want.spec.name,
        image=tag,
        command=("bb-restore",),
        mounts=tuple(replace(m, target=f"/{m.target.rpartition('/')[2]}") for m in volumes),
    )
