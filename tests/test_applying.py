"""The home's own files as an apply makes them, and what it keeps as approved."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.applying import carry_out, prepare_home
from botbottle.errors import EngineError
from botbottle.executor import Result
from botbottle.executor.api import Failure, NotStarted
from botbottle.generations import generation, renew
from botbottle.ledger import open_ledger
from botbottle.model import canonical
from botbottle.model.bottle import Declared, Policy
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.paths import HomePaths
from botbottle.model.plan import CreateVolume, Plan
from botbottle.model.route import Dlp, Route
from botbottle.planner.approved import counted, guards_of, policies
from botbottle.planner.facts import Facts
from botbottle.providers import HOST_LOGINS
from tests.support.worlds import FACTS, World, bottle, declared


def test_what_an_apply_makes_is_its_owners_alone_and_made_once(tmp_path: Path) -> None:
    paths = HomePaths(str(tmp_path / "home"))
    prepare_home(paths)
    key = Path(paths.fingerprint_key)
    first = key.read_bytes()
    prepare_home(paths)
    assert key.read_bytes() == first and len(first) == 32
    assert key.stat().st_mode & 0o777 == 0o600
    for folder in (Path(paths.home), Path(paths.home, "run"), Path(paths.ledger_dir)):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in Path(paths.home, "run").iterdir()] == ["fingerprint.key"]


def test_a_full_disk_leaves_no_part_of_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("botbottle.applying.secrets.token_bytes", full)
    paths = HomePaths(str(tmp_path / "home"))
    with pytest.raises(OSError, match="No space left"):
        prepare_home(paths)
    assert list(Path(paths.home, "run").iterdir()) == []


BEFORE = bottle(routes=(Route("one.example"),))
EDITS = {
    "reach": bottle(routes=(Route("one.example"), Route("new.example"))),
    "login": bottle(routes=(Route("one.example"),), forward_host_credentials=True),
    "weaker": bottle(routes=(Route("one.example", dlp=Dlp(outbound_detectors=())),)),
    "unsupervised": bottle(routes=(Route("one.example"),), supervise=False),
    "learning": bottle(routes=(Route("one.example"),), learning=True),
}


def told(generation_: str) -> Facts:
    """What the planner is told after this generation was kept."""
    kept = json.loads(generation_)
    return replace(
        FACTS,
        secrets={**FACTS.secrets, **dict.fromkeys(HOST_LOGINS, "c" * 8)},
        approved={name: frozenset(found) for name, found in kept["reach"].items()},
        guards=guards_of(kept),
        counted=counted(kept),
    )


def after(kept: str) -> Any:
    """A session whose newest generation this is."""
    return SimpleNamespace(applied=lambda _: json.loads(kept) if kept else None)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("policy", ["cutoff", "freeze", "kill"])
@pytest.mark.parametrize("by", ["the order", "an apply of another bottle"])
def test_what_waits_while_a_bottle_is_held_is_asked_for_when_it_is_released(
    edit: str, policy: Policy, by: str
) -> None:
    """Neither the order nor who applies meanwhile has approved the edit."""
    world, spec, other = World(), EDITS[edit], bottle("other")
    first = generation(after(""), declared(BEFORE, other), ())
    world.converge(declared(BEFORE, other), told(first))
    hold = HoldRecord("proj-1/web", policy, "operator", "", "h1", 0.0)
    world.view = replace(world.view, holds={"proj-1/web": hold})
    ordered = world.plan(declared(spec, other), told(first))
    assert ordered.ops and ordered.needs == ()
    world.converge(declared(spec, other), told(first))
    only = ("web",) if by == "the order" else ()
    second = generation(after(first), declared(spec, other), only, {h.bottle for h in ordered.held})
    world.view = replace(world.view, holds={}, enforced={})
    assert "widen" in world.plan(declared(spec, other), told(second)).needs
    back = world.plan(declared(BEFORE, other), told(second))
    assert back.needs == (), "the control: what was approved before comes back unasked"


def test_what_is_destroyed_must_be_approved_again() -> None:
    first = generation(after(""), declared(BEFORE, bottle("other")), ())
    gone = replace(declared(BEFORE), bottles=())
    left = json.loads(generation(after(first), gone, ("web",)))
    assert left["reach"].keys() == left["guards"].keys() == {"other"} == {*left["counted"]}
    held = json.loads(generation(after(first), gone, (), {"web"}))
    assert held["reach"] == held["guards"] == {}


def test_a_guard_of_an_older_bb_tells_what_was_counted_only_after_its_own_apply() -> None:
    both = declared(BEFORE, bottle("other"))
    first = json.loads(generation(after(""), both, ()))
    assert counted(first) == {"web", "other"}
    del first["counted"]
    second = json.loads(generation(after(json.dumps(first)), both, ("other",)))
    assert counted(second) == {"other"} and second["guards"].keys() == {"web", "other"}
    third = json.loads(generation(after(json.dumps(second)), both, (), undone={"other"}))
    assert counted(third) == {"web", "other"}


class Desk:
    """A project's ledger with what was approved of ``web`` and ``api``, each with two hosts."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger = open_ledger(str(path / "l.db"), create=True)
        self.patch = monkeypatch
        self.session: Any = SimpleNamespace(applied=self.applied, facts=lambda *_, **__: FACTS)
        monkeypatch.setattr("botbottle.applying.vault_of", lambda *_: None)
        first = generation(self.session, self.want((A, B)), ())
        self.save(first)

    def want(self, web: tuple[Route, ...], api: tuple[Route, ...] | None = None) -> Declared:
        return declared(bottle(routes=web), bottle("api", routes=web if api is None else api))

    def save(self, document: str) -> None:
        self.ledger.save_generation("proj-1", document, plan_digest="d", by="me", now=1.0)

    def applied(self, _: object = None) -> dict[str, Any] | None:
        found = self.ledger.generations("proj-1", limit=1)
        return json.loads(self.ledger.document(found[0].digest) or "{}") if found else None

    def hosts(self, name: str) -> set[str]:
        """Of the hosts that these tests use, those that may come back."""
        found = (self.applied() or {})["reach"].get(name, ())
        return {atom.partition(" ")[0] for atom in found} & {A.host, B.host, C.host}

    def digests(self) -> list[str]:
        return [g.plan_digest for g in self.ledger.generations("proj-1")]

    def plan(self, now: Declared) -> Plan:
        """Of a world where the first set runs."""
        world = World()
        world.converge(self.want((A, B)))
        return world.plan(now)

    def carry_out(self, now: Declared, ends: Callable[[Plan], Result], **options: Any) -> Plan:
        """``ends``: what becomes of the operations."""
        plan = self.plan(now)
        assert {op.bottle for op in plan.ops} <= {"web", "api"} and plan.ops
        self.patch.setattr("botbottle.applying.execute", lambda plan, *_, **__: ends(plan))
        stubs: Any = {"engine": None, "control": None, "emit": lambda _: None}
        carry_out(self.session, now, plan, ledger=self.ledger, **stubs, **options)
        return plan


A, B, C = (Route(f"{name}.example") for name in "abc")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    made = Desk(tmp_path, monkeypatch)
    yield made
    made.ledger.close()


def done(plan: Plan) -> Result:
    return Result(done=plan.ops)


def fails(bottle_: str, why: str = "failed") -> Callable[[Plan], Result]:
    """All operations of one bottle fail, or are not begun; the others are done."""

    def result(plan: Plan) -> Result:
        own = [op for op in plan.ops if op.bottle == bottle_]
        rest = tuple(op for op in plan.ops if op.bottle != bottle_)
        if why == "failed":
            failed = tuple(Failure(op, EngineError("no")) for op in own)
            return Result(done=rest, failed=failed)
        return Result(done=rest, not_started=tuple(NotStarted(op, "interrupted") for op in own))

    return result


def dies(_: Plan) -> Result:
    raise KeyboardInterrupt


def test_an_apply_approves_what_it_brings_to_its_end(desk: Desk) -> None:
    desk.carry_out(desk.want((A, C)), done)
    assert desk.hosts("web") == desk.hosts("api") == {A.host, C.host}
    assert desk.digests()[0] not in ("", "d")


def test_what_a_watch_takes_away_is_approved_no_longer_and_nothing_else(desk: Desk) -> None:
    desk.carry_out(desk.want((A, C), (A, B)), done, approve=False)
    assert desk.hosts("web") == {A.host} and desk.hosts("api") == {A.host, B.host}
    assert desk.digests() == ["", "d"]
    desk.carry_out(desk.want((A, C), (A, B)), done, approve=False)
    assert desk.digests() == ["", "d"], "once is enough"


def test_a_watch_that_enforces_no_longer_writes_nothing(desk: Desk) -> None:
    desk.carry_out(desk.want((A,)), done, approve=False, fence=lambda: False)
    assert desk.hosts("web") == {A.host, B.host}


@pytest.mark.parametrize("why", ["failed", "interrupted"])
def test_of_an_apply_without_its_end_what_is_done_stays_approved(desk: Desk, why: str) -> None:
    """The other bottle's loss counts although it has not come about: it is asked for again."""
    desk.carry_out(desk.want((A, C)), fails("api", why))
    assert desk.hosts("web") == {A.host, C.host} and desk.hosts("api") == {A.host}
    assert desk.digests()[0] == ""
    kept = desk.applied()
    assert kept is not None and [b["name"] for b in kept["bottles"]] == ["web", "api"]
    assert all("c.example" not in json.dumps(b) for b in kept["bottles"]), "no set was applied"


def test_of_one_that_died_nothing_that_was_taken_away_is_left(desk: Desk) -> None:
    with pytest.raises(KeyboardInterrupt):
        desk.carry_out(desk.want((A, C)), dies)
    assert desk.hosts("web") == desk.hosts("api") == {A.host}


def test_a_first_apply_without_its_end_approves_what_is_done(desk: Desk) -> None:
    desk.patch.setattr(desk.session, "applied", lambda _: None)
    desk.carry_out(desk.want((A, C)), fails("api"))
    assert desk.hosts("web") == {A.host, C.host} and desk.hosts("api") == set()


@pytest.mark.parametrize("made", [True, False])
def test_what_was_copied_into_a_workspace_that_is_made_anew_is_forgotten_before_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    """The copy may fail: the next apply must not think that it is there. Work that is there stays
    known."""
    desk = Desk(tmp_path, monkeypatch)
    want = declared(bottle(workspace="src"), bottle("api", workspace="lib"))
    desk.save(generation(desk.session, want, ()))
    world = World()
    if not made:
        world.converge(want)
    plan = world.plan(declared(replace(want.bottles[0], prompt="new"), want.bottles[1]))
    assert any(isinstance(op, CreateVolume) for op in plan.ops) == made
    seen: list[Any] = []

    def execute(*_: object, **__: object) -> Result:
        seen.append((desk.applied() or {})["workspaces"])
        raise KeyboardInterrupt

    monkeypatch.setattr("botbottle.applying.execute", execute)
    with pytest.raises(KeyboardInterrupt):
        carry_out(
            desk.session, want, plan,
            engine=None, control=None, ledger=desk.ledger, emit=lambda _: None,  # type: ignore[arg-type]
        )  # fmt: skip
    assert seen == [{} if made else {"web": "src", "api": "lib"}]


def test_what_an_older_bb_kept_does_not_take_an_edited_policy_for_an_approved_one() -> None:
    """It kept policies with the bottles alone, and those are today's from now on."""
    was, now = (declared(bottle("web", shutdown=p)) for p in ("cutoff", "kill"))
    kept = json.loads(canonical.canonical({"bottles": was.bottles, "settings": was.settings}))
    documents: list[str] = []
    ledger = SimpleNamespace(save_generation=lambda _project, text, **_: documents.append(text))
    renew(SimpleNamespace(applied=lambda _: kept), now, ledger)  # type: ignore[arg-type]
    (document,) = map(json.loads, documents)
    assert policies(document) == {"web": "cutoff"}
    assert [b["shutdown"] for b in document["bottles"]] == ["kill"]
