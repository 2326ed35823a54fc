"""Ops of tests, how they fail, and what became of them."""

from __future__ import annotations

from collections.abc import Callable

from botbottle.engine.fake import FakeEngine
from botbottle.errors import BBError, EngineError
from botbottle.executor import Result
from botbottle.model.plan import (
    Op,
    Ref,
    RetireAccount,
    StopContainer,
)
from tests.support.engines import Lab


def about(name: str, *after: str) -> dict[str, object]:
    return {"id": name, "resource": f"web/{name}", "bottle": "web", "reason": "x", "after": after}


def failure(result: Result) -> str:
    (found,) = result.failed
    return f"{found.error.code} {found.error}"


def base(name: str, *after: str, best_effort: bool = False) -> dict[str, object]:
    return {
        "id": name,
        "resource": f"web/{name}",
        "bottle": "web",
        "reason": "missing",
        "after": after,
        "best_effort": best_effort,
    }


def retire(name: str, *after: str, best_effort: bool = False) -> Op:
    return RetireAccount(**base(name, *after, best_effort=best_effort), account=name)  # type: ignore[arg-type]


def stop(name: str, *after: str, best_effort: bool = False) -> Op:
    return StopContainer(**base(name, *after, best_effort=best_effort), ref=Ref(name))  # type: ignore[arg-type]


def failing(lab: Lab, error: Callable[[], BBError], *names: str, times: int = 10**6) -> None:
    assert isinstance(lab.engine, FakeEngine)
    lab.engine.faults.times = times
    lab.engine.faults.fail_when = lambda _m, args: (
        error() if args and isinstance(args[0], Ref) and args[0].name in names else None
    )


def broken() -> BBError:
    return EngineError("no such thing", hint="try again")


def groups(result: object) -> tuple[list[str], list[str], list[str]]:
    assert isinstance(result, Result)
    return (
        [o.id for o in result.done],
        [f.op.id for f in result.failed],
        [n.op.id for n in result.not_started],
    )


def fake(lab: Lab) -> FakeEngine:
    assert isinstance(lab.engine, FakeEngine)
    return lab.engine
