"""An operator is shown all that an approval covers, before it is decided."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from botbottle.cli import proposals
from botbottle.cli.context import Context
from botbottle.errors import UsageError
from botbottle.ledger.records import Proposal
from tests.cli.fakes import context

HARMLESS = {"rule": "entropy", "location": "body", "offset": 3, "length": 40}
GRAVE = {"rule": "github.pat", "location": f"json:$.{'x' * 300}", "offset": 9, "length": 40}
PAYLOAD = {"host": "collect.example", "findings": [HARMLESS] * 9 + [GRAVE]}


def asked_for(payload: dict[str, Any] = PAYLOAD) -> Proposal:
    return Proposal("abc1", "p/web", "dlp", payload, "why", "pending", 0.0, 9.0)


class Kept:
    """A ledger with one pending proposal."""

    def __init__(self, shown: Any) -> None:
        self.found, self.shown, self.seen = asked_for(), shown, ""

    def proposals(self, **_: object) -> tuple[Proposal, ...]:
        return (self.found,)

    def decide(self, *_: object, **__: object) -> Proposal:
        self.seen = self.shown()
        return self.found


@pytest.fixture
def made() -> Iterator[tuple[Context, Any]]:
    at = context()
    yield at, Kept(at.err.getvalue)  # type: ignore[attr-defined]


def test_a_line_holds_the_host_and_every_finding_whole() -> None:
    told = proposals.line(asked_for(), 0.0)
    assert "    host: collect.example\n" in told
    assert told.count("\n    findings ") == 10
    assert GRAVE["location"] in told and "findings 10 of 10: rule github.pat" in told


@pytest.mark.parametrize("approved", [True, False])
def test_the_same_is_printed_before_it_is_decided(
    made: tuple[Context, Any], approved: bool
) -> None:
    at, ledger = made
    assert proposals.decide(at, ledger, "ab", approved, "") == 0
    shown = "".join(proposals.line(asked_for(), 0.0).splitlines(keepends=True)[1:])
    assert shown in ledger.seen


def test_an_empty_beginning_of_an_id_names_nothing(made: tuple[Context, Any]) -> None:
    at, ledger = made
    with pytest.raises(UsageError, match="empty"):
        proposals.decide(at, ledger, "", True, "")
    assert ledger.seen == ""
