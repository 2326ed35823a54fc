"""From declared bottles to the resources that should exist for each."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from botbottle.model.bottle import BottleSpec, Declared, Settings
from botbottle.model.ledger_view import LedgerView
from botbottle.model.paths import account
from botbottle.model.resources import Observed, VolumeSpec
from botbottle.model.sidecar_config import Hold, SidecarConfig
from botbottle.planner.accounts import account_of
from botbottle.planner.draft import Draft
from botbottle.planner.enforce import Standing
from botbottle.planner.facts import Facts
from botbottle.planner.names import Subnets, names, span
from botbottle.planner.pending import judge
from botbottle.planner.resume import snapshot_for
from botbottle.planner.shared import outer_room
from botbottle.planner.specs import agent_spec, egress_spec, files, network_spec
from botbottle.planner.wanted import (
    SIDECAR_RECIPE,
    Wanted,
    chosen,
    env_names,
    image_recipe,
    metered,
    mode_of,
    routes,
)
from botbottle.providers import WORKSPACE


def wants_of(draft: Draft, declared: Declared, view: LedgerView) -> list[Wanted]:
    """Every declared bottle with its standing and subnet, by name."""
    facts, settings = draft.facts, declared.settings
    if facts.destroy:
        return []
    verdicts = judge(declared, view, raises=facts.raises)
    held = {name for name, found in verdicts.items() if not found.standing.free}
    existing = subnets_by_bottle(draft, settings.address_pool, held)
    taken = [*_taken(draft.observed), outer_room(draft, settings)]
    pool = Subnets(settings.address_pool, taken)
    out = []
    for spec in sorted(declared.bottles, key=lambda b: b.name):
        subnet = existing.get(spec.name) or pool.take()
        key = account(spec.project, spec.name)
        record, known = view.enforced.get(key), key in view.registered
        base, agents = facts.images[image_recipe(spec)], draft.mine(spec.name, "agent")
        snapshot = snapshot_for(spec, base, record, agents, facts)
        belongs = account_of(spec, agents, facts)
        verdict = verdicts[spec.name]
        resumed = record is not None and record.policy == "freeze"
        want = wanted(spec, settings, verdict.standing, subnet, facts, snapshot, belongs)
        mode, told = mode_of(spec, verdict.standing, known=known), verdict.raised
        if resumed or told or not verdict.registers or mode != want.mode:
            want = replace(
                want, resumed=resumed, registers=verdict.registers, raised=told, mode=mode
            )
        out.append(want)
    return out


def subnets_by_bottle(draft: Draft, pool: str, held: Collection[str] = ()) -> dict[str, str]:
    """Existing bottle networks keep their subnet while it lies in the pool, or while ``held``."""
    room = span(pool)
    out: dict[str, str] = {}
    for (name, _), networks in draft.index.networks.items():
        called = names(draft.facts.paths.home_id, draft.project, name).network
        for network in networks:
            first = network.subnets[0] if network.name == called and network.subnets else ""
            if first and (name in held or _within(first, room)):
                out.setdefault(name, first)
    return out


def _within(subnet: str, room: tuple[int, int] | None) -> bool:
    found = span(subnet)
    return bool(found and room and room[0] <= found[0] and found[1] <= room[1])


def _taken(observed: Observed) -> Iterable[str]:
    return (s for n in observed.networks for s in n.subnets)


def wanted(
    spec: BottleSpec,
    settings: Settings,
    state: Standing,
    subnet: str,
    facts: Facts,
    snapshot: str = "",
    belongs: str = "",
) -> Wanted:
    """Everything one bottle needs, given its subnet and standing. ``snapshot``: the image that
    a resumed agent is made from; its workspace is its own and is not copied anew. ``belongs``:
    the account of its login."""
    program, _, _ = chosen(spec)
    called = names(facts.paths.home_id, spec.project, spec.name)
    paths = facts.paths.bottle(spec.project, spec.name)
    config = sidecar_config(spec, settings, state, facts.upstream_ca)
    needed = config.secret_names
    texts, trees = files(spec, program, facts, belongs)
    kept = tuple(t for t in trees if t[1] != WORKSPACE)  # of the folder its name is a mark
    return Wanted(
        spec=spec,
        account=account(spec.project, spec.name),
        names=called,
        standing=state,
        mode=mode_of(spec, state),
        network=network_spec(spec, called, subnet),
        egress=egress_spec(spec, settings, called, paths, subnet, facts),
        agent=agent_spec(spec, called, paths, subnet, facts, (texts, kept), snapshot, belongs),
        volumes=(VolumeSpec(called.home, spec.name), VolumeSpec(called.workspace, spec.name)),
        config=config,
        secrets=tuple((n, facts.secrets[n]) for n in needed if n in facts.secrets),
        missing=tuple(n for n in needed if n not in facts.secrets),
        texts=texts,
        trees=kept if snapshot else trees,
        env=tuple((n, dict(facts.env.get(spec.name, ())).get(n, "")) for n in env_names(spec)),
        paths=paths,
        recipes=tuple((r, facts.images[r]) for r in (SIDECAR_RECIPE, image_recipe(spec))),
    )


def sidecar_config(spec: BottleSpec, settings: Settings, state: Standing, ca: str) -> SidecarConfig:
    """The sidecar's configuration; while held, no route and therefore no credential."""
    _, credential, secret = chosen(spec)
    return SidecarConfig(
        bottle=account(spec.project, spec.name),
        routes=routes(spec) if state.free else (),
        hold=Hold(state.policy, state.reason, state.message),
        metered=metered(settings),
        placeholders=credential.placeholders(secret),
        log=spec.egress_log,
        learning=spec.learning,
        preflight=spec.preflight,
        upstream_ca=ca,
        supervise=spec.supervise,
    )
