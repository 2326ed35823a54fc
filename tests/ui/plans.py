"""One plan in which nearly everything happens, for tests of how plans look.

python -m tests.ui.plans    write tests/ui/golden anew, after reading what changed
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from botbottle.model.bottle import EnvVar, Limit, Resources, Scope
from botbottle.model.diagnostic import Origin
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.plan import Plan
from botbottle.model.route import Auth, Match, Route
from tests.support.worlds import FACTS, World, bottle, declared

HOME = "bottles/base.md"
READS = Match(methods=("GET",))


def at(line: int, file: str = HOME) -> tuple[Origin, ...]:
    return (Origin(file, line, 3, "home"),)


def scopes(name: str, tokens: int) -> tuple[Scope, ...]:
    limit = Limit("claude", tokens, "day")
    return (Scope("agent", f"agent:proj-1/{name}", (limit,)), Scope("global", "global"))


def eventful() -> Plan:
    """``web`` gets other routes, a prompt, a variable and a larger budget; ``big`` other
    memory; ``api`` is held; ``old`` is undeclared; somebody stopped the agent of ``idle``."""
    world = World()
    world.converge(declared(*_before()))
    world.view = replace(
        world.view,
        now=1_800_000_000.0,
        pools=tuple(
            replace(p, spent=400, burn=0.5, resets_at=1_800_050_000.0)
            if p.scope == "agent:proj-1/web"
            else p
            for p in world.view.pools
        ),
    )
    api = world.key("api")
    hold = HoldRecord(api, "cutoff", "operator", "looked odd", "op:1", 0.0)
    world.view = replace(world.view, holds={api: hold})
    idle = next(c for c in world.by_kind("agent") if c.labels["dev.botbottle.bottle"] == "idle")
    world.stop(idle)
    return world.plan(declared(*_after()), replace(FACTS, secrets={**FACTS.secrets, "GH": "cc"}))


def _before() -> list:  # type: ignore[type-arg]
    routes = (Route("a.example", matches=(READS,)), Route("gone.example"))
    return [
        bottle("web", env=(mode("dev"),), routes=routes, scopes=scopes("web", 1000)),
        bottle("big", scopes=scopes("big", 1000)),
        bottle("api", scopes=scopes("api", 1000)),
        bottle("idle", scopes=scopes("idle", 1000)),
        bottle("old", scopes=scopes("old", 1000)),
    ]


def _after() -> list:  # type: ignore[type-arg]
    wider = Match(methods=("GET", "POST"))
    routes = (
        Route("new.example", port=8443, auth=Auth("Bearer", "GH"), matches=(READS,)),
        Route("a.example", matches=(wider,)),
    )
    origins = {
        "egress.routes[0]": at(7),
        "egress.routes[1]": at(12),
        "egress.routes[1].matches": at(14),
        "egress.log": at(5),
        "env.MODE": at(3),
        "budget.claude": at(25, "agents/web.md"),
    }
    web = bottle(
        "web",
        env=(mode("prod"),),
        prompt="be brief",
        routes=routes,
        egress_log=2,
        scopes=scopes("web", 5000),
        origins=origins,
    )
    big = bottle(
        "big",
        resources=Resources(memory=1 << 30),
        scopes=scopes("big", 1000),
        origins={"resources.memory": (*at(20, "bottles/big.md"), *at(21))},
    )
    api, idle = (bottle(n, scopes=scopes(n, 1000)) for n in ("api", "idle"))
    return [web, big, api, idle]


def mode(value: str) -> EnvVar:
    return EnvVar("MODE", "literal", value)


GOLDEN = Path(__file__).parent / "golden"


def main() -> None:
    from botbottle.ui import plan_json, plan_markdown, plan_text

    made = eventful()
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / "plan.txt").write_text(plan_text.render(made), "utf-8")
    (GOLDEN / "plan.md").write_text(plan_markdown.render(made), "utf-8")
    first = GOLDEN / "plan-1.0.json"
    if not first.exists():  # kept for ever: readers of 1.x must go on reading it
        first.write_text(plan_json.dumps(made), "utf-8")


if __name__ == "__main__":
    main()
