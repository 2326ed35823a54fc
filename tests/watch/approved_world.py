"""Bottles that change, bb that carries out plans for them, and what must hold at every step."""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant
from msgspec.structs import replace

from botbottle.generations import generation
from botbottle.model import labels
from botbottle.model.bottle import BottleSpec, Declared
from botbottle.model.plan import Op, Plan, RemoveVolume
from botbottle.model.sidecar_config import SidecarConfig
from botbottle.planner.approved import counted, guards_of
from botbottle.planner.facts import Facts
from botbottle.planner.plan import states_of
from botbottle.planner.reach import atoms, weakened_dlp
from tests.support.worlds import FACTS, World, bottle, declared
from tests.watch.approving import Model, scopes

NAMES = ("web", "db")


class Approved(RuleBasedStateMachine):
    """``bottles``: what is declared now. ``model``: what of it, and of before, was approved.
    ``kept``: the newest generation, which tells bb of that."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.bottles: dict[str, BottleSpec] = {
            name: bottle(name, scopes=scopes(name, 1000, 10_000)) for name in NAMES
        }
        self.model = Model()
        self.kept = ""

    @property
    def want(self) -> Declared:
        return replace(declared(), bottles=tuple(self.bottles.values()))

    def facts(self, *, raises: bool = True, only: tuple[str, ...] = ()) -> Facts:
        applied: dict[str, Any] = json.loads(self.kept) if self.kept else {}
        return replace(
            FACTS,
            approved={n: frozenset(found) for n, found in applied.get("reach", {}).items()},
            guards=guards_of(applied),
            counted=counted(applied),
            raises=raises,
            only=only,
        )

    def keep(self, plan: Plan, only: tuple[str, ...] = ()) -> None:
        applied = json.loads(self.kept) if self.kept else None
        session: Any = SimpleNamespace(applied=lambda _: applied)
        self.kept = generation(session, self.want, only, {h.bottle for h in plan.held})

    def carry_out(self, ops: Collection[Op], rng: random.Random, share: float) -> bool:
        """A down-closed part of a plan, in an order that it allows; whether it was the whole."""
        todo, done, budget = list(ops), set[str](), round(len(ops) * share)
        while todo and budget:
            op = rng.choice([op for op in todo if set(op.after) <= done])
            self.world.apply(op)
            self.no_agent_outside_approval()
            done.add(op.id)
            todo.remove(op)
            budget -= 1
        return not todo

    # -- what always holds --------------------------------------------------------------------
    def active(self) -> dict[str, SidecarConfig]:
        found = {}
        for c in self.world.by_kind("egress"):
            status = self.world.observed.sidecars.get(c.id)
            if c.state == "running" and status and status.config:
                found[c.labels[labels.BOTTLE]] = status.config
        return found

    def agents_at_work(self) -> dict[str, str]:
        agents = (c for c in self.world.by_kind("agent") if c.state == "running")
        return {c.labels[labels.BOTTLE]: c.id for c in agents}

    @invariant()
    def no_agent_outside_approval(self) -> None:
        for name, config in self.active().items():
            if config.hold.policy:
                assert not config.routes
                continue
            extra = atoms(config) - self.model.reach.get(name, frozenset())
            assert not extra, (name, "reaches what nobody approved", sorted(extra))
            known = self.model.weak.get(name, [])
            assert any(not weakened_dlp(k, config) for k in known), (name, "leaks more")
            assert config.supervise or any(not k.supervise for k in known), (name, "unsupervised")
            assert not config.learning or any(k.learning for k in known), (name, "learns")

    @invariant()
    def no_limit_beyond_what_was_approved(self) -> None:
        for pool in self.world.view.pools:
            assert pool.limit <= self.model.limits.get(pool.scope, 0), (pool, "raised by nobody")

    def may_destroy(self, ops: Collection[Op], approved: bool) -> None:
        lost = [op for op in ops if isinstance(op, RemoveVolume) and op.reason != "killed"]
        assert approved or not lost, [op.id for op in lost]

    def everybody_is_held_who_should_be(self) -> None:
        states, active = states_of(self.want, self.world.view), self.active()
        for name, state in states.items():
            if self.bottles[name].state == "absent" or state.free:
                continue
            config = active.get(name)
            assert config is None or not config.routes, (name, state.policy)
            if state.policy in ("freeze", "kill"):
                assert name not in self.agents_at_work(), (name, state.policy)
