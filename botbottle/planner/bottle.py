"""One bottle: its ops in an order that is safe after any prefix.

The order, and why: images and account first (a bottle never starts without its budget in the
ledger); the internal network; the egress sidecar up and answering, so that the agent's CA and
gate exist before the agent; a tightening config before anything starts; the old agent stops
before the full config is active (an old copy never sees wider egress than it was started
under); the full config before the new agent starts.
"""

from __future__ import annotations

from dataclasses import replace

from botbottle.model.bottle import Settings
from botbottle.model.ledger_view import LedgerView, registration_digest
from botbottle.model.plan import (
    Action,
    AwaitReady,
    CopyFiles,
    CreateVolume,
    DeliverEnv,
    EnsureImage,
    FieldChange,
    Notice,
    PushConfig,
    RegisterAccount,
    StartContainer,
)
from botbottle.model.resources import SidecarStatus, VolumeSpec
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.container import ContainerPlan, plan_container
from botbottle.planner.draft import Draft, volume_labels
from botbottle.planner.network import NetworkPlan, plan_network
from botbottle.planner.reach import atoms, common, delta
from botbottle.planner.wanted import Wanted


def counted(settings: Settings) -> tuple[str, ...]:
    """Token classes that budgets count, sorted."""
    classes = ["output"]
    if settings.count_input:
        classes.append("input_uncached")
    if settings.count_cache_read:
        classes.append("cache_read")
    if settings.count_cache_write:
        classes += ["cache_write_5m", "cache_write_1h"]
    return tuple(sorted(classes))


def plan_register(draft: Draft, want: Wanted, settings: Settings, view: LedgerView) -> str:
    """Write the account when the ledger has another registration or none."""
    spec, count = want.spec, counted(settings)
    agent = f"{spec.project}/{spec.agent}"
    mode = spec.budget_mode(settings.budget_mode)
    digest = registration_digest(spec.scopes, mode, count, agent, spec.ancestry)
    known = view.registered.get(want.account)
    if known == digest:
        return ""
    resource = f"{spec.name}/account"
    action = Action.UPDATE if known else Action.CREATE
    draft.change(resource, spec.name, action, "budget-changed" if known else "missing")
    return draft.add(
        RegisterAccount(
            id=f"register:{spec.name}",
            resource=resource,
            bottle=spec.name,
            reason="budget-changed" if known else "missing",
            account=want.account,
            scopes=spec.scopes,
            mode=mode,
            count=count,
            agent=agent,
            ancestry=spec.ancestry,
        )
    )


def plan_images(draft: Draft, recipes: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Build what is missing; shared by all bottles that use it."""
    have = {tag for image in draft.observed.images for tag in image.tags}
    return tuple(
        draft.add(
            EnsureImage(
                id=f"image:{recipe}",
                resource=f"image/{recipe}",
                bottle="",
                reason="missing",
                recipe=recipe,
                tag=tag,
            )
        )
        for recipe, tag in recipes
        if tag not in have
    )


def plan_present(
    draft: Draft, want: Wanted, shared: dict[str, NetworkPlan], before: tuple[str, ...]
) -> None:
    """Plan a bottle that should run. ``shared`` are the networks of the home, ``before`` the
    ops (ledger service, account) that must be done before anything of it starts."""
    name = want.spec.name
    images = plan_images(draft, want.recipes)
    network = plan_network(draft, want.network, want.spec.project, f"{name}/internal")
    networks = {**shared, want.network.name: network}
    egress = plan_container(
        draft,
        want.egress,
        want.spec.project,
        resource=f"{name}/egress",
        found=draft.mine(name, "egress"),
        networks=networks,
        create_after=(*images, *before),
        directories=_directories(want),
        source=",".join(want.spec.ancestry),
    )
    blocked = network.blocked or egress.blocked or any(n.blocked for n in shared.values())
    if blocked or not secrets_known(draft, want, egress):
        return
    awake = _wake(draft, want, egress, before)
    plan_agent(draft, want, networks, (*images, *awake), egress, before)


def _directories(want: Wanted) -> tuple[tuple[str, int], ...]:
    p = want.paths
    return ((p.socket_dir, 0o755), (p.control, 0o700), (p.ca, 0o700), (p.public, 0o755))


def status_of(draft: Draft, egress: ContainerPlan) -> SidecarStatus | None:
    """What the kept, running sidecar reports as active."""
    if egress.kept is None or not egress.running:
        return None
    return draft.observed.sidecars.get(egress.kept.id)


def secrets_known(draft: Draft, want: Wanted, egress: ContainerPlan) -> bool:
    """Whether every credential is at hand or already in the running sidecar."""
    status = status_of(draft, egress)
    held = {name for name, _ in status.secrets} if status else set()
    lacking = [n for n in want.missing if n not in held]
    for name in lacking:
        draft.notices.append(
            Notice("BB290", want.spec.name, f"the host variable {name} is not set; export it first")
        )
    return not lacking


def push_needed(status: SidecarStatus | None, want: Wanted) -> bool:
    """Whether the sidecar's active config or secrets differ from the wanted ones. A secret
    that this host cannot see now is left as the sidecar holds it."""
    if status is None or status.config_hash != want.config.config_hash:
        return True
    held = dict(status.secrets)
    if set(held) != set(want.config.secret_names):
        return True
    return any(held.get(name) != print_ for name, print_ in want.secrets)


def _wake(
    draft: Draft, want: Wanted, egress: ContainerPlan, before: tuple[str, ...]
) -> tuple[str, ...]:
    """Start the sidecar and wait for it; ids that the agent must come after."""
    name = want.spec.name
    status = status_of(draft, egress)
    if status is not None and status.ready:
        return egress.ready
    started: tuple[str, ...] = ()
    if not egress.running:
        reason = "missing" if egress.created_by else "not-running"
        started = (
            draft.add(
                StartContainer(
                    id=f"start:{name}/egress",
                    resource=f"{name}/egress",
                    bottle=name,
                    reason=reason,
                    after=(*egress.ready, *before),
                    ref=egress.ref,
                )
            ),
        )
        if not egress.created_by:
            draft.change(f"{name}/egress", name, Action.START, reason, drift=True)
    waiting = draft.add(
        AwaitReady(
            id=f"await:{name}/egress",
            resource=f"{name}/egress",
            bottle=name,
            reason="not-ready",
            after=(*egress.ready, *started),
            ref=egress.ref,
            control=want.paths.control,
        )
    )
    return (*egress.ready, *started, waiting)


def plan_push(
    draft: Draft,
    want: Wanted,
    egress: ContainerPlan,
    after: tuple[str, ...],
    stopped: tuple[str, ...],
) -> tuple[str, ...]:
    """Deliver config and secrets when they differ. ``stopped``: the old agent is gone then."""
    name = want.spec.name
    status = status_of(draft, egress)
    approved = draft.facts.approved.get(name, frozenset())
    draft.reach.extend(delta(name, status.config if status else None, want.config, approved))
    if status is not None and not push_needed(status, want):
        draft.unchanged += 1
        return ()
    first = _tighten(draft, want, status, after) if stopped and status else ()
    fields = _config_fields(status, want.config)
    held = want.standing.policy
    reason = "not-configured" if status is None else ("held" if held else "config-changed")
    new = status is None
    draft.change(
        f"{name}/egress-config", name, Action.CREATE if new else Action.UPDATE, reason, fields
    )
    return (
        draft.add(_push(want, f"push:{name}", reason, (*after, *stopped, *first), want.config)),
    )


def _tighten(
    draft: Draft, want: Wanted, status: SidecarStatus, after: tuple[str, ...]
) -> tuple[str, ...]:
    """While an old copy of the agent runs: only what both old and new reach allow."""
    if status.config is None or atoms(status.config) <= atoms(want.config):
        return ()
    narrow = replace(want.config, routes=common(status.config, want.config))
    return (draft.add(_push(want, f"tighten:{want.spec.name}", "narrows-first", after, narrow)),)


def _push(
    want: Wanted, op_id: str, reason: str, after: tuple[str, ...], config: SidecarConfig
) -> PushConfig:
    names = set(config.secret_names)
    return PushConfig(
        id=op_id,
        resource=f"{want.spec.name}/egress-config",
        bottle=want.spec.name,
        reason=reason,
        after=after,
        control=want.paths.control,
        config=config,
        secrets=tuple((n, f) for n, f in want.secrets if n in names),
    )


def _config_fields(status: SidecarStatus | None, config: SidecarConfig) -> tuple[FieldChange, ...]:
    if status is None or status.config is None:
        return ()
    old = status.config
    fields = []
    for key in ("hold", "log", "learning", "preflight", "supervise", "metered"):
        before, now = getattr(old, key), getattr(config, key)
        if before != now:
            fields.append(FieldChange(key, _short(before), _short(now)))
    return tuple(fields)


def _short(value: object) -> str:
    policy = getattr(value, "policy", None)
    return (policy or "none") if policy is not None else str(value)


def plan_volumes(draft: Draft, want: Wanted) -> tuple[str, ...]:
    """Create missing volumes; existing ones are never touched."""
    have = draft.index.volume_names
    return tuple(_create_volume(draft, want, v) for v in want.volumes if v.name not in have)


def _create_volume(draft: Draft, want: Wanted, volume: VolumeSpec) -> str:
    name = want.spec.name
    return draft.add(
        CreateVolume(
            id=f"create:volume:{volume.name}",
            resource=f"{name}/volume",
            bottle=name,
            reason="missing",
            spec=volume,
            labels=volume_labels(draft.facts, want.spec.project, volume),
        )
    )


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
    agent = plan_container(
        draft,
        want.agent,
        want.spec.project,
        resource=f"{name}/agent",
        found=draft.mine(name, "agent"),
        networks=networks,
        create_after=(*after, *plan_volumes(draft, want)),
        source=",".join(want.spec.ancestry),
        origins=want.spec.origins,
    )
    if agent.blocked:
        return
    ready = agent.ready
    if _never_started(agent) and (want.texts or want.trees):
        ready = (*ready, _copy(draft, want, agent))
    pushed = plan_push(draft, want, egress, after, agent.stopped)
    if agent.running and env_outdated(status_of(draft, egress), want, agent):
        draft.change(f"{name}/agent", name, Action.UPDATE, "env-outdated", drift=True)
        deliver_env(draft, want, agent, "env-outdated", (*ready, *after))
    if not agent.running:
        _start_agent(draft, want, agent, (*ready, *pushed, *after, *before))


def _never_started(agent: ContainerPlan) -> bool:
    """Created now, or by an apply that died before it had copied the files and started it."""
    return bool(agent.created_by) or (agent.kept is not None and agent.kept.state == "created")


def _copy(draft: Draft, want: Wanted, agent: ContainerPlan) -> str:
    name = want.spec.name
    return draft.add(
        CopyFiles(
            id=f"copy:{name}/agent",
            resource=f"{name}/agent",
            bottle=name,
            reason="new-container",
            after=agent.ready,
            ref=agent.ref,
            files=want.trees,
            texts=want.texts,
        )
    )


def _start_agent(draft: Draft, want: Wanted, agent: ContainerPlan, after: tuple[str, ...]) -> None:
    name = want.spec.name
    reason = "missing" if agent.created_by else "not-running"
    if not agent.created_by:
        draft.change(f"{name}/agent", name, Action.START, reason, drift=True)
    start = draft.add(
        StartContainer(
            id=f"start:{name}/agent",
            resource=f"{name}/agent",
            bottle=name,
            reason=reason,
            after=after,
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
            id=f"env:{name}/agent",
            resource=f"{name}/agent",
            bottle=name,
            reason=reason,
            after=after,
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
    held = dict(status.env)
    return any(mark and held.get(n) != mark for n, mark in want.env)
