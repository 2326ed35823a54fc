"""A run before and after its operations: guards, the three groups, the second plan."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from botbottle.cli.interrupt import Interrupt
from botbottle.cli.run import Run
from botbottle.errors import ApplyIncomplete, BBError, PlanStale, Refused, UsageError
from botbottle.executor import Result
from botbottle.executor.api import Failure, NotStarted
from botbottle.locking import project_lock
from botbottle.model.plan import Plan
from tests.cli.fakes import err, go, out, run
from tests.support.worlds import World, bottle, declared


def test_a_typo_that_touches_the_fleet_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused) as caught:
        go(run(monkeypatch, max_changes=1), yes=True, allow=("widen",))
    assert caught.value.code == "BB7004"


def test_too_many_removals_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.converge(declared(bottle("a"), bottle("b")))
    made = run(monkeypatch, world=world, want=declared(bottle("a"), max_deletes=1))
    with pytest.raises(Refused) as caught:
        go(made, yes=True, allow=("widen,destroy",))
    assert caught.value.code == "BB7003"


def test_a_misspelt_approval_is_said_before_the_engine_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run(monkeypatch)
    with pytest.raises(UsageError):
        go(made, yes=True, allow=("widden",))
    assert out(made) == ""


def test_events_that_cannot_be_written_are_said_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run(monkeypatch)
    made.context.events = "/nonexistent/events.jsonl"
    with pytest.raises(UsageError, match="--events"):
        go(made, yes=True, allow=("widen",))
    assert out(made) == ""


def test_nothing_to_do_asks_nothing_and_takes_no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    world, want = World(), declared()
    world.converge(want)
    made = run(monkeypatch, world=world, want=want)
    assert go(made) == 0
    last = err(made).splitlines()[-1]
    assert last.startswith("bb apply: +0 ~0 -0") and last.endswith("exit 0")


def test_what_moved_between_the_question_and_the_lock_is_shown_and_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    with monkeypatch.context() as patched:
        made = run(patched)
    shown = World().plan(declared(bottle("web"), bottle("other")))
    monkeypatch.setattr("botbottle.applying.prepare_home", lambda _: None)
    made.session.paths = type("Paths", (), {"lock": lambda _, p: str(tmp_path / p)})()  # type: ignore[misc]
    with pytest.raises(PlanStale):
        made.locked(shown, None, lambda _: None)  # type: ignore[arg-type]
    assert "- create other/agent" in out(made) and "create web" not in out(made)


class TestLooks:
    """A plan made before the lock is carried out only if it is what would be planned under it."""

    def made(self, monkeypatch: pytest.MonkeyPatch, home: Path) -> tuple[Run, list[str]]:
        """A run on a home with a lock and a key, and what it does."""
        done: list[str] = []
        with monkeypatch.context() as patched:
            made = run(patched)
        plan = made.session.plan
        paths = SimpleNamespace(
            lock=lambda project: str(home / project), fingerprint_key=str(home / "key")
        )
        made.session.paths = paths  # type: ignore[misc,assignment]

        def planned(*args: Any, **options: Any) -> Plan:
            done.append("plan")
            return plan(*args, **options)

        made.session.plan = planned  # type: ignore[method-assign]
        monkeypatch.setattr("botbottle.applying.prepare_home", lambda _: None)

        def carry_out(_self: Run, shown: Plan, *_: object) -> int:
            done.append(f"{len(shown.ops)} ops")
            return 0

        monkeypatch.setattr(Run, "carry_out", carry_out)
        (home / "key").touch()
        with project_lock(paths.lock(made.declared.project.id), "earlier"):
            pass
        return made, done

    def test_one_that_is_fresh_while_nobody_had_the_lock_is_carried_out(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        made, done = self.made(monkeypatch, tmp_path)
        monkeypatch.setattr("botbottle.cli.look.FRESH", 600.0)
        assert go(made, yes=True, allow=("widen",)) == 0
        assert [d for d in done if d == "plan"] == ["plan"] and len(done) == 2

    @pytest.mark.parametrize("why", ["taken", "held", "killed", "no key", "old", "ordered"])
    def test_otherwise_it_is_planned_again(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, why: str
    ) -> None:
        made, done = self.made(monkeypatch, tmp_path)
        lock = made.session.paths.lock(made.declared.project.id)
        monkeypatch.setattr("botbottle.cli.look.FRESH", -1.0 if why == "old" else 600.0)
        if why == "no key":
            (tmp_path / "key").unlink()
        if why in ("held", "killed"):
            Path(lock).write_text("{}")

        def taken(*_: object) -> None:
            with project_lock(lock, "another"):
                pass

        def ordered(*_: object) -> None:
            """``bb kill`` records what it wants before it has the lock."""
            made.session.revision = lambda _: 1  # type: ignore[method-assign,assignment]

        if why in ("taken", "ordered"):
            between = taken if why == "taken" else ordered
            monkeypatch.setattr("botbottle.cli.run.ask", between)
        assert go(made, yes=True, allow=("widen",)) == 0
        assert [d for d in done if d == "plan"] == ["plan", "plan"]


def test_an_unfinished_apply_lists_done_failed_and_not_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = run(monkeypatch)
    plan = made.plan()
    one, two, three = plan.ops[:3]
    result = Result(
        (one,), (Failure(two, BBError("disk is full")),), (NotStarted(three, "blocked", two.id),)
    )
    with pytest.raises(ApplyIncomplete) as caught:
        made.conclude(plan, result)
    assert int(caught.value.exit_code) == 4
    told = err(made)
    assert told.index("done\n  " + one.id) < told.index("failed\n  " + two.id)
    assert "disk is full" in told
    assert f"not started\n  {three.id}  (blocked by {two.id})" in told


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_an_interrupted_apply_says_what_is_left_and_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    made = run(monkeypatch)
    one, two = made.plan().ops[:2]
    interrupt = Interrupt(made.context.err)
    interrupt.handle(number, None)
    result = Result((one,), (), (NotStarted(two, "interrupted"),))
    assert made.interrupted(result, interrupt) == code
    assert f"not started\n  {two.id}" in err(made) and "same command" in err(made)


class TestForMachines:
    def document(self, made: Run) -> Any:
        assert made.machine is not None
        return json.loads(made.machine.out.getvalue())  # type: ignore[attr-defined]

    def test_the_result_is_one_document_and_the_text_goes_to_the_other_stream(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world, want = World(), declared()
        world.converge(want)
        made = run(monkeypatch, world=world, want=want).for_machines()
        assert go(made) == 0
        found = self.document(made)
        assert found["outcome"] == "nothing to do" and found["verb"] == "apply"
        assert found["format_version"] == "1.0" and found["digest"] == made.plan().digest
        assert "Nothing to do." in err(made)

    def test_an_unfinished_one_has_the_three_groups(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = run(monkeypatch).for_machines()
        plan = made.plan()
        one, two, three = plan.ops[:3]
        failed = Failure(two, BBError("disk is full", hint="make room"))
        result = Result((one,), (failed,), (NotStarted(three, "blocked", two.id),))
        with pytest.raises(ApplyIncomplete):
            made.conclude(plan, result)
        found = self.document(made)
        assert found["outcome"] == "incomplete" and found["done"] == [one.id]
        assert found["failed"] == [
            {"op": two.id, "code": "BB1000", "message": "disk is full", "hint": "make room"}
        ]
        assert found["not_started"] == [{"op": three.id, "why": "blocked", "by": two.id}]

    def test_what_is_refused_prints_no_document(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made = run(monkeypatch).for_machines()
        with pytest.raises(Refused):
            go(made)
        assert made.machine is not None
        assert made.machine.out.getvalue() == ""  # type: ignore[attr-defined]


def test_a_second_plan_that_is_not_empty_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    made = run(monkeypatch)
    plan = made.plan()
    with pytest.raises(BBError) as caught:
        made.conclude(plan, Result(done=plan.ops))
    assert caught.value.code == "BB4001" and "start:web/agent" in str(caught.value)


class TestWhatMoves:
    """Live state that moves before the lock is there: a sidecar that was still starting, say."""

    def made(self, monkeypatch: pytest.MonkeyPatch, stale: int) -> tuple[Run, list[str]]:
        """A run whose first ``stale`` plans are not today's any more under the lock."""
        made, shown = run(monkeypatch), list[str]()

        def locked(_self: Run, plan: Plan, *_: object) -> int:
            shown.append(plan.digest)
            if len(shown) <= stale:
                raise PlanStale("moved")
            return 0

        monkeypatch.setattr(Run, "locked", locked)
        return made, shown

    @pytest.mark.parametrize("stale", [0, 1, 2])
    def test_it_is_planned_shown_and_approved_again(
        self, monkeypatch: pytest.MonkeyPatch, stale: int
    ) -> None:
        made, shown = self.made(monkeypatch, stale)
        assert go(made, yes=True, allow=("widen",)) == 0
        assert len(shown) == stale + 1
        assert out(made).count("create agent") == stale + 1
        assert err(made).count("planned again") == stale

    def test_the_new_plan_needs_its_own_approval(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made, shown = self.made(monkeypatch, 1)
        plans = iter(["harmless", "widening"])
        first = World()
        first.converge(declared())
        harmless = first.plan(declared(bottle("web", state="stopped")))
        widening = made.session.plan(made.declared)
        made.session.plan = lambda *_, **__: {  # type: ignore[method-assign]
            "harmless": harmless,
            "widening": widening,
        }[next(plans)]
        assert harmless.needs == () and harmless.ops
        with pytest.raises(Refused):
            go(made, yes=True)
        assert shown == [harmless.digest]

    def test_not_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        made, shown = self.made(monkeypatch, 99)
        with pytest.raises(PlanStale):
            go(made, yes=True, allow=("widen",))
        assert len(shown) == 3

    def test_what_was_approved_by_its_digest_is_carried_out_or_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made, shown = self.made(monkeypatch, 1)
        digest = made.session.plan(made.declared).digest
        with pytest.raises(PlanStale):
            go(made, digest=digest)
        assert shown == [digest]
