"""Verbs that print what a bottle chose: paths, reasons, output."""

from __future__ import annotations

import io
from typing import Any

import pytest

from botbottle.cli import denials, findings, logs, outcome, proposals, status
from botbottle.cli.documents.bottles import Held, StatusRow
from botbottle.cli.documents.records import Found
from botbottle.cli.documents.refusals import Denied
from botbottle.ledger.records import Proposal
from botbottle.watch.log import line_of
from tests.cli.fakes import Terminal, context

EVIL = "\x1b]0;owned\x07\x1b[1A\x1b[2K"


def proposal() -> Proposal:
    known = {
        "id": "p1", "account": "home/web", "kind": "egress-allow", "status": "pending",
        "justification": f"please {EVIL}", "payload": {"host": EVIL},
        "created_at": 0.0, "expires_at": 10.0,
    }  # fmt: skip
    names = Proposal.__struct_fields__
    return Proposal(**{n: known.get(n, "") for n in names})  # type: ignore[arg-type]


def row(reason: str) -> StatusRow:
    return StatusRow(
        name="web", provider="claude", agent="running", sidecar="ready", budget=(),
        held=Held(policy="cutoff", reason=reason, way_out=reason),
        declared="started", drift=False, pending=(),
    )  # fmt: skip


def finding() -> Found:
    data = {"place": EVIL}
    return Found(bottle="web", id=1, account="p/web", at=1.0, kind="finding", data=data)


def refused() -> Denied:
    told = {"at": 1, "host": "a", "path": f"/{EVIL}", "reason": EVIL, "remedy": EVIL}
    return denials.denied("web", told)


@pytest.mark.parametrize(
    "text",
    [
        denials.line(refused()),
        denials.line(refused(), named=True),
        findings.line(finding()),
        findings.line(finding(), named=True),
        proposals.line(proposal(), 0.0),
        line_of({"event": "failed", "message": EVIL}) + "\n",
        outcome._group("failed", [EVIL]),
        status.table([row(EVIL)]),
    ],
)
def test_no_escape_sequence_of_an_agent_reaches_the_terminal(text: str) -> None:
    assert "\x1b" not in text and "\x07" not in text
    assert "\\u001b" in text and text.endswith("\n")


def shown(out: Any, *chunks: bytes) -> str:
    made = context()
    made.out = out
    logs.show(made, chunks)
    return str(out.getvalue())


def test_logs_on_a_terminal_are_text_and_to_a_file_what_was_written() -> None:
    raw = f"one\r\ntwo {EVIL}\n".encode()
    assert shown(io.StringIO(newline=""), raw) == raw.decode()
    on_terminal = shown(Terminal(), raw)
    assert on_terminal.startswith("one\ntwo ") and "\x1b" not in on_terminal


def test_a_character_cut_between_two_chunks_of_logs_stays_whole() -> None:
    whole = "naïve".encode()
    assert shown(io.StringIO(), whole[:3], whole[3:]) == "naïve"
