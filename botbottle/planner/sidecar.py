"""The egress sidecar's life: awake before its agent, configured before the agent sees it."""

from __future__ import annotations

from msgspec.structs import replace

from botbottle.model.fragment import attached_to
from botbottle.model.plan import Action, AwaitReady, Notice, PushConfig, Ref, StartContainer
from botbottle.model.resources import ObservedContainer, SidecarStatus
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.about import SILENT, stop
from botbottle.planner.config_fields import Places, config_changes
from botbottle.planner.container import ContainerPlan
from botbottle.planner.draft import Draft
from botbottle.planner.reach import atoms, common, delta
from botbottle.planner.wanted import Wanted


def status_of(draft: Draft, egress: ContainerPlan) -> SidecarStatus | None:
    """What the kept, running sidecar reports as active."""
    if egress.kept is None or not egress.running:
        return None
    return draft.observed.sidecars.get(egress.kept.id)


def secrets_known(draft: Draft, want: Wanted, egress: ContainerPlan) -> bool:
    """Whether every credential is at hand or already in the running sidecar. A login that has
    ended is told also while the sidecar still holds it: soon it refuses."""
    status = status_of(draft, egress)
    held = {name for name, _ in status.secrets} if status else set()
    places = Places(want.spec, draft.written)
    for name in want.missing:
        why = draft.facts.lacking.get(name, "")
        if name not in held:
            text = why or f"the host variable {name} is not set; export it first"
            place = places.of_secret(name)
            draft.notices.append(Notice("BB290", want.spec.name, text, origin=place))
        elif why:
            draft.notices.append(Notice("BB291", want.spec.name, why))
    return held.issuperset(want.missing)


def push_needed(status: SidecarStatus | None, want: Wanted) -> bool:
    """Whether the sidecar's active config or secrets differ from the wanted ones. A secret
    that this host cannot see now is left as the sidecar holds it."""
    if status is None or status.config_hash != want.config.config_hash:
        return True
    held = dict(status.secrets)
    if set(held) != set(want.config.secret_names):
        return True
    return any(held.get(name) != print_ for name, print_ in want.secrets)


def wake(
    draft: Draft, want: Wanted, egress: ContainerPlan, before: tuple[str, ...]
) -> tuple[str, ...]:
    """Start the sidecar and wait for it; ids that the agent must come after."""
    name = want.spec.name
    status = status_of(draft, egress)
    if status is not None and status.ready:
        return egress.ready
    silenced = silence(draft, want, egress.kept if egress.running else None)
    started: tuple[str, ...] = ()
    if silenced or not egress.running:
        reason = SILENT if silenced else why_started(draft, want, egress, "egress")
        started = (
            draft.add(
                StartContainer(
                    id=f"start:{name}/egress",
                    resource=f"{name}/egress",
                    bottle=name,
                    reason=reason,
                    after=(*egress.ready, *before, *silenced),
                    expect=attached_to(a.network for a in want.egress.networks),
                    ref=egress.ref,
                )
            ),
        )
    waiting = draft.add(
        AwaitReady(
            id=f"await:{name}/egress",
            resource=f"{name}/egress",
            bottle=name,
            reason="not-ready",
            after=(*egress.ready, *silenced, *started),
            ref=egress.ref,
            control=want.paths.control,
        )
    )
    return (*egress.ready, *started, waiting)


def silence(draft: Draft, want: Wanted, running: ObservedContainer | None) -> tuple[str, ...]:
    """Stop a sidecar that should refuse and does not answer: an agent that keeps it busy, or has
    made it hang, would go on being served. Started again it refuses until it is configured."""
    if want.standing.free or running is None or draft.observed.sidecars.get(running.id) is not None:
        return ()
    return (stop(draft, running, want.spec.name, "egress", SILENT, kill=True),)


def why_started(draft: Draft, want: Wanted, container: ContainerPlan, role: str) -> str:
    """The reason of a start, told of one that exists: a freeze has stopped it, an apply ended
    before it was started, or it was somebody else."""
    if container.created_by:
        return "missing"
    name, reason = want.spec.name, "resumed" if want.resumed else container.at_rest
    draft.change(f"{name}/{role}", name, Action.START, reason, drift=reason == "not-running")
    return reason


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
    active, back = status.config if status else None, _back(draft, want, status)
    draft.reach.extend(delta(name, active, want.config, back, _served(draft, active, name)))
    if status is not None and not push_needed(status, want):
        draft.unchanged += 1
        return ()
    narrow = _tightened(want, status, after) if stopped and status else None
    first = (draft.add(narrow),) if narrow else ()
    replaced = narrow.config.config_hash if narrow else status.config_hash if status else ""
    held = want.standing.policy
    same = status is not None and status.config_hash == want.config.config_hash
    changed = "secret-changed" if same else "config-changed"
    reason = "not-configured" if status is None else ("held" if held else changed)
    draft.change(
        f"{name}/egress-config",
        name,
        Action.CREATE if status is None else Action.UPDATE,
        reason,
        config_changes(status, want.config, want.secrets, Places(want.spec, draft.written)),
    )
    before = (*after, *stopped, *first)
    return (draft.add(_push(want, f"push:{name}", reason, before, want.config, replaced)),)


def cut_off(draft: Draft, want: Wanted, egress: ObservedContainer | None) -> None:
    """A hold waits for nothing that is somebody else's, or not there: what runs is cut off."""
    if not want.standing.free and egress is not None:
        plan = ContainerPlan(Ref(egress.name, egress.id), egress)
        if status_of(draft, plan) is not None:
            plan_push(draft, want, plan, (), ())
        else:
            silence(draft, want, egress if plan.running else None)


def _back(draft: Draft, want: Wanted, status: SidecarStatus | None) -> frozenset[str]:
    """The reach that comes back unasked: of a bottle that was held or whose sidecar knows no
    configuration. One that is at work has what it has; what it lost meanwhile is gained anew."""
    if status is not None and status.config is not None and not status.config.hold.policy:
        return frozenset()
    return draft.facts.approved.get(want.spec.name, frozenset())


def _served(draft: Draft, active: SidecarConfig | None, name: str) -> SidecarConfig | None:
    """What served the bottle's requests: its configuration, or while it has none that last
    approved."""
    live = active is not None and not active.hold.policy
    return active if live else draft.facts.guards.get(name)


def _tightened(want: Wanted, status: SidecarStatus, after: tuple[str, ...]) -> PushConfig | None:
    """While an old copy of the agent runs: only what both old and new reach allow."""
    if status.config is None or atoms(status.config) <= atoms(want.config):
        return None
    narrow = replace(want.config, routes=common(status.config, want.config))
    op_id = f"tighten:{want.spec.name}"
    return _push(want, op_id, "narrows-first", after, narrow, status.config_hash)


def _push(
    want: Wanted,
    op_id: str,
    reason: str,
    after: tuple[str, ...],
    config: SidecarConfig,
    replaced: str,
) -> PushConfig:
    """``replaced``: hash of the configuration that must be active then. The reach that was shown
    is what this one adds to that one, and to no other."""
    names = set(config.secret_names)
    return PushConfig(
        id=op_id,
        resource=f"{want.spec.name}/egress-config",
        bottle=want.spec.name,
        reason=reason,
        after=after,
        expect=replaced,
        control=want.paths.control,
        config=config,
        secrets=tuple((n, f) for n, f in want.secrets if n in names),
    )
