"""The agent container: its volumes, files, variables and start."""

from __future__ import annotations

from botbottle.model.fragment import attached_to
from botbottle.model.plan import (
    Action,
    CopyFiles,
    CreateVolume,
    DeliverEnv,
    Notice,
    StartContainer,
)
from botbottle.model.resources import SidecarStatus, VolumeSpec
from botbottle.planner.about import about
from botbottle.planner.container import ContainerPlan, plan_container
from botbottle.planner.draft import Draft, volume_labels
from botbottle.planner.filling import trees
from botbottle.planner.network import NetworkPlan
from botbottle.planner.restore import plan_restore
from botbottle.planner.sidecar import cut_off, plan_push, status_of, why_started
from botbottle.planner.wanted import Wanted


def plan_agent(
    draft: Draft,
    want: Wanted,
    networks: dict[str, NetworkPlan],
    after: tuple[str, ...],
    egress: ContainerPlan,
    before: tuple[str, ...],
) -> None:
    """The agent container, its files, the config in its right place, and its start."""
    name = want.spec.name
    if volumes_taken(draft, want):
        cut_off(draft, want, egress.kept)
        return
    volumes = plan_volumes(draft, want, before)
    agent = plan_container(
        draft,
        want.agent,
        want.spec.project,
        resource=f"{name}/agent",
        found=draft.mine(name, "agent"),
        networks=networks,
        create_after=(*after, *volumes, *plan_restore(draft, want, volumes)),
        source=",".join(want.spec.ancestry),
        origins=want.spec.origins,
        held=not want.standing.free,
    )
    if agent.blocked:
        cut_off(draft, want, egress.kept)
        return
    ready = agent.ready
    if _never_started(agent) and (want.texts or want.trees):
        ready = (*ready, *_copy(draft, want, agent))
    # What may leave again waits for the limits it is to count by; a hold waits for nothing.
    counted = before if want.standing.free else ()
    pushed = plan_push(draft, want, egress, (*after, *counted), agent.stopped)
    if agent.running and env_outdated(status_of(draft, egress), want, agent):
        draft.change(f"{name}/agent", name, Action.UPDATE, "env-outdated", drift=True)
        deliver_env(draft, want, agent, "env-outdated", (*ready, *after))
    if not agent.running:
        _start_agent(draft, want, agent, (*ready, *pushed, *after, *before))


def _never_started(agent: ContainerPlan) -> bool:
    """Created now, or by an apply that died before it had copied the files and started it."""
    return bool(agent.created_by) or (agent.kept is not None and agent.kept.state == "created")


def _copy(draft: Draft, want: Wanted, agent: ContainerPlan) -> tuple[str, ...]:
    name, files = want.spec.name, trees(draft, want)
    if not files and not want.texts:
        return ()
    for source in (s for s, _ in files if s in draft.facts.no_trees):
        draft.notices.append(Notice("BB802", name, draft.facts.no_trees[source]))
    copy = draft.add(
        CopyFiles(
            **about(f"copy:{name}/agent", name, "agent", "new-container", agent.ready),
            ref=agent.ref,
            files=files,
            texts=want.texts,
        )
    )
    return (copy,)


def _start_agent(draft: Draft, want: Wanted, agent: ContainerPlan, after: tuple[str, ...]) -> None:
    name = want.spec.name
    reason = why_started(draft, want, agent, "agent")
    start = draft.add(
        StartContainer(
            **about(f"start:{name}/agent", name, "agent", reason, after),
            expect=attached_to(a.network for a in want.agent.networks),
            ref=agent.ref,
        )
    )
    deliver_env(draft, want, agent, "started", (start,))


def deliver_env(
    draft: Draft, want: Wanted, agent: ContainerPlan, reason: str, after: tuple[str, ...]
) -> None:
    """Deliver asked and copied variables; values that are not at hand are named, never guessed."""
    name = want.spec.name
    missing = [n for n, mark in want.env if not mark]
    if missing:
        text = f"no value at hand for {', '.join(missing)}; bb apply asks, or use --env-file"
        draft.notices.append(Notice("BB291", name, text))
    if not want.env:
        return
    draft.add(
        DeliverEnv(
            **about(f"env:{name}/agent", name, "agent", reason, after),
            expect=attached_to(a.network for a in want.agent.networks),
            ref=agent.ref,
            control=want.paths.control,
            names=want.env,
        )
    )


def env_outdated(status: SidecarStatus | None, want: Wanted, agent: ContainerPlan) -> bool:
    """Whether a running agent lacks its variables: it started anew behind our back, a crash came
    between start and delivery, or a value at hand is another one now."""
    if not want.env or agent.kept is None:
        return False
    if status is None or status.env_agent != f"{agent.kept.id} {agent.kept.started_at}":
        # A restarted sidecar has forgotten: deliver again when every value is at hand.
        return all(mark for _, mark in want.env)
    known = dict(status.env)
    changed = any(mark and known.get(n) != mark for n, mark in want.env)
    return changed and want.standing.free  # another value waits until the bottle is free


def volumes_taken(draft: Draft, want: Wanted) -> bool:
    """Whether somebody else's volume has a wanted name: an agent must not work on its data."""
    found = [v.name for v in want.volumes if v.name in draft.index.strange_volumes]
    for name in found:
        text = f"the volume name {name} is taken by a volume that is not ours; it is left alone"
        draft.notices.append(Notice("BB801", want.spec.name, text))
    return bool(found)


def plan_volumes(draft: Draft, want: Wanted, before: tuple[str, ...]) -> tuple[str, ...]:
    """Create missing volumes; existing ones are never touched. A volume without an account stands
    for a lost ledger (``forgotten``), so the account comes first."""
    have = draft.index.volume_names
    new = (v for v in want.volumes if v.name not in have)
    return tuple(_create_volume(draft, want, v, before) for v in new)


def _create_volume(draft: Draft, want: Wanted, volume: VolumeSpec, before: tuple[str, ...]) -> str:
    name = want.spec.name
    return draft.add(
        CreateVolume(
            **about(f"create:volume:{volume.name}", name, "volume", "missing", before),
            spec=volume,
            labels=volume_labels(draft.facts, want.spec.project, volume),
        )
    )
