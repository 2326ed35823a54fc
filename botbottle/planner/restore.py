"""The volumes of a bottle that comes back from its snapshot. Pure."""

from __future__ import annotations

from botbottle.model.plan import Action, RestoreVolumes
from botbottle.model.resources import ContainerSpec, Mount
from botbottle.planner.draft import Draft, container_labels
from botbottle.planner.resume import MARK, volumes_tag
from botbottle.planner.wanted import Wanted


def plan_restore(draft: Draft, want: Wanted, after: tuple[str, ...]) -> tuple[str, ...]:
    """Fill the volumes of an agent that is made from a snapshot, as far as they are empty. It is
    planned until the agent exists, so a crash in between loses nothing."""
    name, snapshot = want.spec.name, want.agent.image
    resumed = MARK in dict(want.agent.env)
    if not resumed or snapshot not in draft.facts.saved or draft.mine(name, "agent"):
        return ()
    spec = ContainerSpec(
        name=f"{want.names.agent}-restore",
        kind="restore",
        bottle=name,
        image=volumes_tag(snapshot),
        command=("bb-restore",),  # an image of volumes has no program; nothing ever starts
        mounts=tuple(
            Mount("volume", f"/{m.target.rpartition('/')[2]}", m.source)
            for m in want.agent.mounts
            if m.kind == "volume"
        ),
    )
    draft.change(f"{name}/volume", name, Action.UPDATE, "restored", note=volumes_tag(snapshot))
    op = RestoreVolumes(
        id=f"restore:{name}/agent",
        resource=f"{name}/volume",
        bottle=name,
        reason="resumed",
        after=after,
        spec=spec,
        labels=container_labels(draft.facts, want.spec.project, spec, ""),
    )
    return (draft.add(op),)
