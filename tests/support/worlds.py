"""Builders for planner tests: a bottle, what is declared, and an empty world."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from botbottle.model.bottle import BottleSpec, Declared, Limit, Project, Scope, Settings
from botbottle.model.paths import HomePaths, account
from botbottle.model.plan import Op, Plan
from botbottle.planner.facts import Facts
from botbottle.planner.pending import limits_of
from botbottle.planner.plan import plan
from tests.support.simulator import Simulated

PROJECT = Project("proj-1", "/src/proj", "/home/u/.bot-bottle")
FACTS = Facts(
    paths=HomePaths("/home/u/.bot-bottle"),
    sidecar_user="1000:1000",
    images={
        "sidecar": "botbottle/sidecar:1",
        "agent-claude": "botbottle/claude:1",
        "agent-codex": "botbottle/codex:1",
    },
    bb_version="0.1.0",
    secrets={"ANTHROPIC_API_KEY": "aaaaaaaa", "OPENAI_API_KEY": "bbbbbbbb"},
)


def bottle(name: str = "web", **changes: object) -> BottleSpec:
    scopes = changes.pop("scopes", None) or (
        Scope("agent", f"agent:proj-1/{name}", (Limit("claude", 1000),)),
        Scope("global", "global"),
    )
    spec = BottleSpec(
        name=name,
        agent=name,
        project="proj-1",
        layer="home",
        ancestry=("base",),
        scopes=scopes,  # type: ignore[arg-type]
    )
    return replace(spec, **changes)  # type: ignore[arg-type]


def declared(*bottles: BottleSpec, **settings: object) -> Declared:
    return Declared(PROJECT, bottles or (bottle(),), Settings(**settings))  # type: ignore[arg-type]


def kinds(made: Plan) -> list[str]:
    """The kinds of a plan's ops, in their order."""
    return [type(op).__name__ for op in made.ops]


class World(Simulated):
    """The simulated engine and ledger, with a planner before them."""

    def plan(self, want: Declared, facts: Facts = FACTS) -> Plan:
        known = {(p.scope, p.provider, p.window) for p in self.view.pools}
        coming = tuple(self.pool(key, 0) for key in sorted(limits_of(want) - known))
        return plan(want, self.observed, replace(self.view, coming=coming), facts)

    def converge(self, want: Declared, facts: Facts = FACTS) -> Plan:
        made = self.plan(want, facts)
        self.run(made.ops)
        return made

    def run(self, ops: Iterable[Op]) -> None:
        done: set[str] = set()
        todo = list(ops)
        while todo:
            ready = [op for op in todo if set(op.after) <= done]
            assert ready, f"cycle or unknown dependency among {[o.id for o in todo]}"
            for op in ready:
                self.apply(op)
                done.add(op.id)
            todo = [op for op in todo if op.id not in done]

    def spend(self, name: str, tokens: int, provider: str = "claude") -> None:
        key = f"agent:proj-1/{name}"
        self.view = replace(
            self.view,
            pools=tuple(
                replace(p, spent=p.spent + tokens)
                if (p.scope, p.provider) == (key, provider)
                else p
                for p in self.view.pools
            ),
        )

    def key(self, name: str) -> str:
        return account("proj-1", name)
