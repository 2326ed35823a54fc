"""What is declared in a history of edits, and what somebody has approved of it.

The model is one of its own: what was approved is what a person saw in the plan that they said yes
to, however much of that plan was then done.
"""

from __future__ import annotations

import random
from collections.abc import Collection

from botbottle.model.bottle import BottleSpec, Declared, EnvVar, Limit, Resources, Scope
from botbottle.model.plan import Plan
from botbottle.model.route import Dlp, Route
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.reach import atoms
from botbottle.planner.wanted import routes
from tests.support.worlds import bottle

LIMITS = (500, 1000, 5000)
SHARED = "bottle:base"
HOSTS = ("one.example", "two.example")


def scopes(name: str, own: int, shared: int) -> tuple[Scope, ...]:
    return (
        Scope("agent", f"agent:proj-1/{name}", (Limit("claude", own),)),
        Scope("bottle", SHARED, (Limit("claude", shared),)),
    )


def some_bottle(name: str, rng: random.Random) -> BottleSpec:
    strict = Dlp() if rng.random() < 0.7 else Dlp(outbound_detectors=())
    return bottle(
        name,
        template=rng.choice(("claude", "claude", "codex")),
        routes=tuple(Route(h, dlp=strict) for h in HOSTS if rng.random() < 0.5),
        env=(EnvVar("MODE", "literal", rng.choice(("dev", "prod"))),),
        resources=Resources(memory=rng.choice((1 << 30, 1 << 31))),
        supervise=rng.random() < 0.7,
        learning=rng.random() < 0.2,
        state=rng.choice(("started", "started", "started", "stopped", "absent")),
        shutdown=rng.choice(("cutoff", "cutoff", "freeze", "kill")),
        scopes=scopes(name, rng.choice(LIMITS), rng.choice((10_000, 20_000))),
    )  # fmt: skip


class Model:
    """What somebody has approved, by bottle: reach, routes without leak detection, no supervision,
    learning; and the largest limit of each pool."""

    def __init__(self) -> None:
        self.reach: dict[str, frozenset[str]] = {}
        self.weak: dict[str, list[SidecarConfig]] = {}
        self.limits: dict[str, int] = {}

    def approve(
        self, plan: Plan, want: Declared, allow: Collection[str], limited: Collection[str]
    ) -> None:
        """Somebody said yes to this plan, and to ``allow`` of what it asks for. ``limited``: the
        scopes that have limits already."""
        held = {h.bottle for h in plan.held}
        for spec in want.bottles:
            if spec.name not in held and spec.state == "started" and "widen" in allow:
                whole = config_of(spec)
                self.reach[spec.name] = self.reach.get(spec.name, frozenset()) | atoms(whole)
                self.weak.setdefault(spec.name, []).append(whole)
            for scope in spec.scopes:
                for limit in scope.limits:
                    if "budget" in allow or scope.key not in limited:
                        known = self.limits.get(scope.key, 0)
                        self.limits[scope.key] = max(known, limit.tokens)

    def settle(self, plan: Plan, want: Declared) -> None:
        """A whole apply: what was approved before is asked for again from now on."""
        held = {h.bottle for h in plan.held}
        for spec in want.bottles:
            if spec.name not in held and spec.state == "started":
                whole = config_of(spec)
                assert atoms(whole) <= self.reach[spec.name], "kept as approved by nobody"
                self.reach[spec.name], self.weak[spec.name] = atoms(whole), [whole]


def config_of(spec: BottleSpec) -> SidecarConfig:
    return SidecarConfig(spec.name, routes(spec), supervise=spec.supervise, learning=spec.learning)
