"""A request waits where its budget is only reserved, a bounded time, and for nothing else."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import http

from botbottle.ledger.records import Admitted, Refusal
from botbottle.meter import Conversations, Kind, Request, identify
from botbottle.sidecar.egress import admission
from botbottle.sidecar.egress.admission import MOST_WAITING, Gate

RESERVED = Refusal("budget-reserved", "what is left is reserved", "claude", retry_after=2.0)
SPENT = Refusal("budget-exhausted", "spent", "claude")
ADMITTED = Admitted("a1", 0.0, 5)
CALL = identify("api.anthropic.com", "POST", "/v1/messages", {}, {})
REQUEST = Request("r1", input_estimate=5)


class Ledger:
    """Answers what it was given, the last one for ever."""

    def __init__(self, *answers: Admitted | Refusal) -> None:
        self.answers, self.asked = list(answers), 0

    async def admit(self, *given: Any, **named: Any) -> Admitted | Refusal:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def release(self, lease: str) -> None: ...


def gate(ledger: Ledger) -> Gate:
    sidecar: Any = SimpleNamespace(ledger=ledger)
    nothing: Any = None
    return Gate(sidecar, Conversations(), nothing, lambda flow: None)


async def admit(made: Gate) -> tuple[Admitted | Refusal, Any]:
    passage, flow = SimpleNamespace(spend=None), SimpleNamespace()
    assert CALL is not None and CALL.kind is Kind.GENERATE
    until = admission.time.monotonic() + admission.PATIENCE_SECONDS
    return await made._admit(flow, passage, CALL, REQUEST, until), passage.spend  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "AGAIN_SECONDS", 0.0)


def test_it_is_admitted_as_soon_as_others_have_ended() -> None:
    ledger = Ledger(RESERVED, RESERVED, RESERVED, ADMITTED)
    answer, spend = asyncio.run(admit(gate(ledger)))
    assert (answer, ledger.asked) == (ADMITTED, 4) and spend is not None


@pytest.mark.parametrize("refusal", [SPENT, Refusal("held", "held", "claude")])
def test_what_is_spent_or_held_is_refused_at_once(refusal: Refusal) -> None:
    ledger = Ledger(refusal)
    assert asyncio.run(admit(gate(ledger))) == (refusal, None) and ledger.asked == 1


def test_what_is_spent_meanwhile_ends_the_waiting() -> None:
    ledger = Ledger(RESERVED, SPENT)
    assert asyncio.run(admit(gate(ledger))) == (SPENT, None)


def test_it_waits_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1000))
    monkeypatch.setattr(admission, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    ledger = Ledger(RESERVED)
    assert asyncio.run(admit(gate(ledger))) == (RESERVED, None)
    assert ledger.asked == admission.PATIENCE_SECONDS


@pytest.mark.parametrize("counted", [None, 7])
def test_it_waits_once_also_where_the_provider_counts(
    monkeypatch: pytest.MonkeyPatch, counted: int | None
) -> None:
    """The second half of what it waits for is that of the count."""
    ticks = iter(range(1000))
    monkeypatch.setattr(admission, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))

    async def count(*_: object) -> int | None:
        return counted

    ledger = Ledger(*[RESERVED] * 10, Admitted("a1", 0.0, 5, 0), RESERVED)
    made = gate(ledger)
    made._preflight = SimpleNamespace(count=count)  # type: ignore[assignment]
    request = SimpleNamespace(headers=http.Headers(), path="/v1/messages")
    config = SimpleNamespace(preflight="exact")
    passage = SimpleNamespace(spend=None, call=CALL, id="r1", policy=SimpleNamespace(config=config))
    flow: Any = SimpleNamespace(request=request)
    denial = asyncio.run(made.judge(flow, passage, b"{}"))  # type: ignore[arg-type]
    assert (denial is None) is (counted is None)
    assert ledger.asked == (11 if counted is None else admission.PATIENCE_SECONDS + 1)


def test_a_bounded_number_waits_at_once() -> None:
    ledger = Ledger(RESERVED)
    made = gate(ledger)

    async def many() -> None:
        waiting = [asyncio.create_task(admit(made)) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0)
        assert made._waiting == MOST_WAITING
        assert await admit(made) == (RESERVED, None), "one more is refused at once"
        waiting[0].cancel()
        await asyncio.sleep(0)
        assert made._waiting == MOST_WAITING - 1, "who hangs up waits no more"
        ledger.answers = [ADMITTED]
        done = await asyncio.gather(*waiting[1:])
        assert {answer for answer, _ in done} == {ADMITTED} and made._waiting == 0

    asyncio.run(many())


@pytest.mark.parametrize(
    ("answer", "status", "again"),
    [(RESERVED, 429, None), (SPENT, 402, "false"), (Refusal("flood", "m", "claude"), 429, None)],
    ids=["reserved", "spent", "flood"],
)
def test_only_what_passes_is_told_as_worth_asking_again(
    answer: Refusal, status: int, again: str | None
) -> None:
    assert CALL is not None
    said = admission._over_budget(CALL, answer).response
    assert said is not None
    assert (said[0], dict(said[1]).get("x-should-retry")) == (status, again)
