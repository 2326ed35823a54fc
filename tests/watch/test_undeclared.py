"""Whoever takes a bottle out of the manifests does not switch off what its budget makes of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.applying import vault_of
from botbottle.executor import Result
from botbottle.former import SETS
from botbottle.generations import generation
from botbottle.ledger.api import Ledger
from botbottle.model.bottle import BottleSpec, Declared, Limit, Policy, Scope
from botbottle.model.plan import (
    CommitImage,
    CreateContainer,
    Plan,
    RemoveContainer,
    RetireAccount,
    StartContainer,
)
from botbottle.model.route import Auth, Route
from botbottle.planner.plan import plan
from botbottle.watch.select import allowed
from botbottle.watch.undeclared import Undeclared, there
from botbottle.watch.world import LiveWorld
from tests.support.sessions import session
from tests.support.worlds import FACTS, World, bottle, declared
from tests.watch.lives import live

EMPTY = Declared(declared().project, (bottle("other"),), declared().settings)


def web(policy: Policy) -> BottleSpec:
    limited = (
        Scope("agent", "agent:proj-1/web", (Limit("claude", 1000),)),
        Scope("global", "global"),
    )
    return bottle("web", shutdown=policy, scopes=limited)


def apply(world: World, ledger: Ledger, spec: BottleSpec | Policy) -> None:
    """Both bottles run, and the ledger keeps that they were applied."""
    now = replace(EMPTY, bottles=(*EMPTY.bottles, web(spec) if isinstance(spec, str) else spec))
    facts = replace(FACTS, secrets={**FACTS.secrets, "GH": "12345678"})
    world.converge(now, facts)
    nobody: Any = SimpleNamespace(applied=lambda _: None)
    document = generation(nobody, now, ())
    ledger.save_generation(now.project.id, document, plan_digest="d", by="ann", now=1.0)


def carried_out(world: World, ledger: Ledger) -> Plan:
    """What a watch does by itself once ``web`` is out of the manifests."""
    held = Undeclared().held(ledger, EMPTY, world.view)
    now = there(EMPTY, held, world.observed, FACTS.paths.home_id)
    part = allowed(plan(now, world.observed, world.view, FACTS), "safe")
    world.run(part.ops)
    return part


def agents(world: World) -> dict[str, str]:
    return {c.labels["dev.botbottle.bottle"]: c.state for c in world.by_kind("agent")}


@pytest.mark.parametrize("policy", ["freeze", "kill"])
def test_its_budget_freezes_or_kills_it_as_it_was_last_applied(
    ledger: Ledger, policy: Policy
) -> None:
    world = World()
    apply(world, ledger, policy)
    world.spend("web", 1001)
    part = carried_out(world, ledger)
    assert agents(world) == {"other": "running"} | ({"web": "exited"} if policy == "freeze" else {})
    kinds = {type(op) for op in part.ops}
    assert (CommitImage if policy == "freeze" else RemoveContainer) in kinds
    assert {op.bottle for op in part.ops} == {"web"}
    (record,) = world.view.enforced.values()
    assert record.policy == policy
    left = {type(op) for op in carried_out(world, ledger).ops}
    assert left == (set() if policy == "freeze" else {RetireAccount}), "once is enough"


@pytest.mark.parametrize("policy", ["freeze", "kill", "cutoff"])
def test_one_with_room_or_that_is_only_cut_off_is_left_to_an_apply(
    ledger: Ledger, policy: Policy
) -> None:
    world = World()
    apply(world, ledger, policy)
    if policy == "cutoff":
        world.spend("web", 1001)
    assert not carried_out(world, ledger).ops
    assert agents(world) == {"other": "running", "web": "running"}


def test_nothing_of_it_is_ever_started_or_made(ledger: Ledger) -> None:
    """Held when it was looked up, free when it is planned: it is no bottle of today."""
    world = World()
    apply(world, ledger, "freeze")
    free = world.view
    world.spend("web", 1001)
    held = Undeclared().held(ledger, EMPTY, world.view)
    now = there(EMPTY, held, world.observed, FACTS.paths.home_id)
    assert [b.state for b in now.bottles if b.name == "web"] == ["stopped"]
    made = plan(now, world.observed, free, FACTS)
    assert not [op for op in made.ops if isinstance(op, StartContainer | CreateContainer)]


def test_what_was_applied_is_read_again_only_after_another_apply(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, known, reads = World(), Undeclared(), list[str]()
    apply(world, ledger, "cutoff")
    document = ledger.document

    def counted(digest: str) -> str | None:
        reads.append(digest)
        return document(digest)

    monkeypatch.setattr(ledger, "document", counted)
    for _ in range(3):
        assert [s.shutdown for s in known.specs(ledger, EMPTY, world.view)] == ["cutoff"]
    assert len(reads) == 1
    apply(world, ledger, "kill")
    assert [s.shutdown for s in known.specs(ledger, EMPTY, world.view)] == ["kill"]


def seen(
    world: World, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[LiveWorld, Any]:
    """A watch's view of the simulator, and its session."""
    desk: Any = session(tmp_path, GH="ghp_REAL")
    desk.paths = FACTS.paths
    monkeypatch.setattr(desk.manifests, "tag", lambda *_: "tag")
    monkeypatch.setattr(desk, "observe", lambda *_: world.observed)
    monkeypatch.setattr(desk, "applied", lambda _: None)
    monkeypatch.setattr(desk, "with_snapshots", lambda _d, facts, *_: facts)
    monkeypatch.setattr(ledger, "view", lambda *_: world.view, raising=False)
    made = live(ledger, tmp_path, session=desk, desk=desk, project="proj-1")
    return made, desk


def keep(ledger: Ledger, document: str, now: float) -> None:
    project = EMPTY.project.id
    ledger.save_generation(project, document, plan_digest="", by="ann", now=now)


@pytest.mark.parametrize("lost", ["long ago", "of another bb", "never"])
def test_one_that_no_kept_apply_tells_of_is_told_while_it_runs(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Nobody knows what its budget makes of it; silence would look like a guard."""
    world = World()
    if lost == "long ago":
        apply(world, ledger, "kill")
        for number in range(SETS):
            keep(ledger, f'{{"bottles": [], "settings": {{}}, "number": {number}}}', 2.0 + number)
    else:
        world.converge(replace(EMPTY, bottles=(*EMPTY.bottles, web("kill"))))
        if lost == "of another bb":
            keep(ledger, '{"bottles": [{"name": "web", "strange": 1}], "settings": {}}', 1.0)
    watch, _ = seen(world, ledger, tmp_path, monkeypatch)
    watch.plan(EMPTY)
    assert watch.unknown() == ("web",)
    for container in (*world.by_kind("agent"), *world.by_kind("egress")):
        world.stop(container)
    watch.plan(EMPTY)
    assert watch.unknown() == (), "there is nothing to guard"


def test_one_that_an_apply_tells_of_is_none_of_them(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    apply(world, ledger, "kill")
    watch, _ = seen(world, ledger, tmp_path, monkeypatch)
    watch.plan(EMPTY)
    assert watch.unknown() == ()


def test_its_volumes_are_searched_for_its_own_credentials(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A freeze copies volumes into an image unless one holds a credential of a known name."""
    world, known = World(), list[set[str]]()
    routed = replace(web("freeze"), routes=(Route("api.github.com", auth=Auth("Bearer", "GH")),))
    apply(world, ledger, routed)
    world.spend("web", 1001)
    watch, desk = seen(world, ledger, tmp_path, monkeypatch)

    def carry_out(
        _: object, now: Declared, made: Plan, *, ledger: Ledger, **_more: object
    ) -> Result:
        assert [op for op in made.ops if isinstance(op, CommitImage)]
        known.append({*vault_of(desk, desk.facts(now).secrets).known()})
        return Result()

    monkeypatch.setattr("botbottle.watch.world.carry_out", carry_out)
    watch.execute(EMPTY, watch.plan(EMPTY))
    assert known == [{"ANTHROPIC_API_KEY", "GH"}]


def test_one_without_a_container_takes_no_part(ledger: Ledger) -> None:
    world = World()
    apply(world, ledger, "kill")
    world.spend("web", 1001)
    held = Undeclared().held(ledger, EMPTY, world.view)
    assert [s.name for s in held] == ["web"]
    gone = replace(world.observed, containers=())
    assert there(EMPTY, held, gone, FACTS.paths.home_id) == EMPTY
    assert there(EMPTY, held, world.observed, "other-home") == EMPTY
