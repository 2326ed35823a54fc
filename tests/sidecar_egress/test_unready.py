"""No ledger, no metered traffic: what is metered without being gated is refused, too."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from botbottle.meter import Conversations, identify
from botbottle.sidecar.egress.admission import Gate

METERED = [
    ("api.openai.com", "GET", "/v1/responses/resp_1"),
    ("api.anthropic.com", "GET", "/v1/messages/batches/b/results"),
    ("api.openai.com", "GET", "/v1/files/file-1/content"),
]
FREE = [("api.anthropic.com", "GET", "/v1/models"), ("api.anthropic.com", "HEAD", "/api/hello")]


def judged(place: tuple[str, str, str], *, ready: bool) -> str:
    host, method, path = place
    call = identify(host, method, path, {}, {})
    assert call is not None and not call.gated
    ledger: Any = SimpleNamespace(ready=ready)
    nothing: Any = None
    gate = Gate(SimpleNamespace(ledger=ledger), Conversations(), nothing, lambda flow: None)  # type: ignore[arg-type]
    headers = SimpleNamespace(get=lambda name, other: other, fields=())
    flow: Any = SimpleNamespace(request=SimpleNamespace(headers=headers, path=path))
    passage: Any = SimpleNamespace(call=call, id="p", spend=None)
    denial = asyncio.run(gate.judge(flow, passage, b""))
    return denial.code if denial else ""


@pytest.mark.parametrize("place", METERED)
def test_polling_and_results_need_the_ledger(place: tuple[str, str, str]) -> None:
    assert judged(place, ready=False) == "no-ledger"
    assert judged(place, ready=True) == "", "the control"


@pytest.mark.parametrize("place", FREE)
def test_what_costs_nothing_does_not(place: tuple[str, str, str]) -> None:
    assert judged(place, ready=False) == ""
