"""What somebody has approved of each bottle, as a generation keeps it: reach, and protection. Pure.

It is what a bottle may come back to unasked after a restart or a hold. It grows only by an
approval; whatever takes something away takes it away here, too: nothing comes back that was gone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from msgspec.structs import replace

from botbottle.model.bottle import POLICIES, BottleSpec, Declared, Policy, Settings
from botbottle.model.route import Route
from botbottle.model.sidecar_config import SidecarConfig, from_wire
from botbottle.planner.facts import Guards
from botbottle.planner.reach import LEARNING, route_atoms, weakened_dlp
from botbottle.planner.wanted import guard, routes


def started(declared: Declared) -> dict[str, BottleSpec]:
    """The bottles that have reach, by name."""
    return {b.name: b for b in declared.bottles if b.state == "started"}


def reach_of(spec: BottleSpec) -> list[str]:
    """Everything that a bottle's manifests let it reach, and what of the host's variables they let
    it read, sorted."""
    found = {atom for route in routes(spec) for atom in route_atoms(route)} | copies(spec).keys()
    return sorted(found | {LEARNING} if spec.learning else found)


def copies(spec: BottleSpec) -> dict[str, str]:
    """What is approved of the host's variables that the agent gets → in words. None of them is a
    route's credential: that is an error (BB2134)."""
    return {
        f"reads {e.value} as {e.name}": f"the host's variable {e.value} is copied into the bottle"
        + (f" as {e.name}" if e.name != e.value else "")
        for e in spec.env
        if e.kind == "host"
    }


def use_of(spec: BottleSpec) -> str:
    """Whose agent file it is, and which bottle files it names."""
    return f"{spec.layer}: {', '.join(spec.own or spec.ancestry[:1])}"


def guard_of(spec: BottleSpec, settings: Settings) -> dict[str, Any]:
    """What protects it (see ``wanted.guard``) as JSON data."""
    return guard(spec, settings).to_wire()


def copied_workspaces(applied: Mapping[str, Any]) -> dict[str, str]:
    """Bottle → the folder that was copied into it. A generation of an older bb, which copied it
    at every replacement, tells it with the bottles."""
    if "workspaces" in applied or "uses" in applied:
        return dict(applied.get("workspaces", {}))
    bottles = applied.get("bottles", ())
    return {b["name"]: b["workspace"] for b in bottles if b.get("workspace")}


def limits(applied: Mapping[str, Any]) -> dict[str, tuple[int, int, int]]:
    """Bottle → bytes, billionths of a CPU and processes of its agent."""
    found = {b["name"]: b.get("resources", {}) for b in applied.get("bottles", ())}
    return {
        name: (r["memory"], round(r["cpus"] * 1e9), r["pids"])
        for name, r in found.items()
        if {"memory", "cpus", "pids"} <= r.keys()
    }


def policies(applied: Mapping[str, Any]) -> dict[str, Policy]:
    """Bottle → what a used-up budget makes of it. An older bb kept it with the bottles alone."""
    found = {b["name"]: b.get("shutdown", "") for b in applied.get("bottles", ())}
    kept = applied.get("policies", found)
    return {name: policy for name, policy in kept.items() if policy in POLICIES}


def deadlier(spec: BottleSpec, before: Mapping[str, str]) -> bool:
    """Whether a used-up budget would delete what it would not have deleted ``before``."""
    return spec.shutdown == "kill" and before.get(spec.name, "kill") != "kill"


def kept_policies(
    applied: Mapping[str, Any], declared: Declared, held: Collection[str], left: Collection[str]
) -> dict[str, Policy]:
    """The same of today's bottles once an apply is carried out, but for those in ``left``. Of the
    ``held`` a kill waits."""
    before = policies(applied)

    def kept(spec: BottleSpec) -> Policy | None:
        waits = spec.name in left or (spec.name in held and deadlier(spec, before))
        return before.get(spec.name) if waits else spec.shutdown

    return {b.name: policy for b in declared.bottles if (policy := kept(b)) is not None}


def counted(applied: Mapping[str, Any]) -> frozenset[str]:
    """The bottles whose guard tells which hosts were counted when it was approved."""
    return frozenset(applied.get("counted", ()))


def guards_of(applied: Mapping[str, Any]) -> Guards:
    """What protected each bottle when it was last approved. A guard of an older bb, which kept no
    counted hosts with it, has those of the settings beside it: enough to ask when one of them
    leaves the meter, and not to pass another for approved (see ``counted``)."""
    told, settings = counted(applied), applied.get("settings", {})
    hosts = {host: key for key, found in settings.get("provider_hosts", ()) for host in found}

    def filled(kept: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**kept, "metered": tuple({**hosts, **dict(kept.get("metered", ()))}.items())}

    guards = applied.get("guards", {})
    return Guards({name: g if name in told else filled(g) for name, g in guards.items()})


def narrowed(
    kept: Mapping[str, Any], declared: Declared, names: Collection[str] = ()
) -> dict[str, Any]:
    """A generation's document without the reach that today's manifests no longer give to these
    bottles, and with the protection that they add. Nothing is added to what may come back."""
    today = started(declared)
    reach, guards = dict(kept.get("reach", {})), dict(kept.get("guards", {}))
    uses = dict(kept.get("uses", {}))
    for name in names:
        spec = today.get(name)
        if spec is None:
            reach.pop(name, None)
            uses.pop(name, None)
            continue
        if name in reach:
            wanted = frozenset(reach_of(spec))
            reach[name] = [atom for atom in reach[name] if atom in wanted]
        if name in guards and guards[name] != guard_of(spec, declared.settings):
            now = guard(spec, declared.settings)
            guards[name] = stricter(from_wire(guards[name]), now).to_wire()
    left = {"reach": reach, "guards": guards, "uses": uses}
    return {**kept, **{part: found for part, found in left.items() if part in kept}}


def stricter(before: SidecarConfig, now: SidecarConfig) -> SidecarConfig:
    """Of each host the routes that protect more; of a host that is gone those of before: it may
    come back. Supervision stays where it was, and what was counted is counted as before."""
    weaker, present = set(weakened_dlp(before, now)), {_place(r) for r in now.routes}
    gone = (r for r in before.routes if r.host in weaker or _place(r) not in present)
    kept = (r for r in now.routes if r.host not in weaker)
    supervise = before.supervise or now.supervise
    counted = tuple({**dict(now.metered), **dict(before.metered)}.items())
    return replace(before, routes=(*kept, *gone), metered=counted, supervise=supervise)


def compared(live: SidecarConfig | None, kept: SidecarConfig | None) -> SidecarConfig | None:
    """What today's protection is compared with: what is active, and of hosts that are not what
    was approved last."""
    if live is None or kept is None:
        return live or kept
    active = {_place(r) for r in live.routes}
    gone = (r for r in kept.routes if _place(r) not in active)
    return replace(live, routes=(*live.routes, *gone))


def _place(route: Route) -> tuple[str, int]:
    return route.host, route.port
