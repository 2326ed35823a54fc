"""An approval lets nothing else pass, however much there is beside it."""

from __future__ import annotations

import asyncio
import random
import string
from typing import cast

import pytest

from botbottle.dlp import Limits, Scanner
from botbottle.model.route import OnMatch
from botbottle.sidecar.egress.allowed import Approvals
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.grpc import Conversation
from botbottle.sidecar.egress.passing import Passing, UploadRefused
from botbottle.sidecar.egress.scan import MOST_SHOWN, Judgement, OutboundScan, Outgoing, in_target
from botbottle.sidecar.egress.upload import Upload
from tests.sidecar_egress.test_allowed import (
    KEY,
    LAST_DAY,
    OTHER,
    PATIENT,
    SCANNER,
    TOKEN,
    Asked,
    approval,
    judge,
    passed,
    route,
)

COPIES = 300  # of an approved value: more than a list of findings has


def _sent(where: str) -> Outgoing:
    """Copies of an approved value in the body, another token behind them or elsewhere."""
    body = f"{TOKEN} " * COPIES
    url = f"https://a.example/x?q={OTHER if where == 'url' else 'y'}"
    header = OTHER if where == "header" else "plain"
    body += OTHER if where in ("body", "message") else ""
    if where == "message":  # of a WebSocket
        return Outgoing("", (), body.encode())
    return Outgoing(url, ((b"x-note", header.encode()),), body.encode())


@pytest.mark.parametrize("on_match", ["block", "redact", "supervise"])
@pytest.mark.parametrize("where", ["body", "header", "url", "message"])
@pytest.mark.parametrize("by", ["the list", "an operator"])
def test_copies_of_an_approved_value_let_no_other_pass(
    on_match: OnMatch, where: str, by: str
) -> None:
    ledger = Asked()
    approvals = Approvals(wall=lambda: LAST_DAY)
    stage = OutboundScan(cast(Ledger, ledger), approvals)
    listed = route(*([approval()] if by == "the list" else []), on_match=on_match)
    approvals.remember(listed, SCANNER.scan(TOKEN.encode()))

    def judged(message: Outgoing) -> Judgement:
        return asyncio.run(stage.judge(PATIENT, listed, message, supervised=True))

    assert judged(Outgoing("https://a.example/x", (), f"{TOKEN} ".encode() * 200)).denial is None
    denial = judged(_sent(where)).denial
    assert denial is not None and denial.code == "dlp"
    assert ledger.times == 0
    alone = judged(Outgoing("https://a.example/x", (), OTHER.encode()))
    assert (alone.denial is not None) == (on_match == "block")
    assert OTHER.encode() not in alone.message.body or on_match != "redact"


@pytest.mark.parametrize("kind", [Upload, Conversation])
def test_copies_of_an_approved_value_let_no_other_pass_on_its_way(
    kind: type[Upload] | type[Conversation],
) -> None:
    approvals = Approvals(wall=lambda: LAST_DAY)
    listed = route(approval())

    def left(text: str) -> bytes:
        body = text.encode()
        framed = b"\0" + len(body).to_bytes(4) + body if kind is Conversation else body
        through = kind(
            PATIENT, frozenset({"token_patterns", "known_secrets"}),
            lambda found: approvals.marked(PATIENT, listed, found), lambda _found: None,
        )  # fmt: skip
        return passed(Passing(through), framed)

    assert left(f"{TOKEN} " * 200).endswith(f"{TOKEN} ".encode())
    with pytest.raises(UploadRefused):
        left(f"{TOKEN} " * COPIES + OTHER)


def test_a_target_is_left_out_of_records_however_much_else_was_found() -> None:
    few = Scanner({}, key=KEY, limits=Limits(findings=5, seconds=30.0))
    url = f"https://a.example/{OTHER}?q=1"
    flood = " ".join(f"ghp_{_random(n, 36)}" for n in range(5)).encode()
    found = few.scan_request(url, [], flood)
    assert OTHER.encode() not in flood and in_target(found, url)
    assert not in_target(few.scan_request("https://a.example/x", [], flood * 2), url)


def test_vague_findings_hide_no_token_where_a_route_redacts() -> None:
    lines = [f'"password": "{_random(n)}"' for n in range(COPIES)]
    redacts = route(on_match="redact")
    passed = judge(redacts, "\n".join(lines), scanner=PATIENT)
    assert passed.denial is None
    assert "limit.findings" in {f.rule for f in passed.noted}
    done = judge(redacts, "\n".join([*lines, OTHER]), scanner=PATIENT)
    assert done.denial is None and OTHER.encode() not in done.message.body


def test_an_operator_approves_what_was_shown_and_nothing_else() -> None:
    ledger = Asked()
    stage = OutboundScan(cast(Ledger, ledger), Approvals())
    asks = route(on_match="supervise")

    def denied(values: list[str], times: int = 1) -> str:
        message = Outgoing("https://a.example/", (), " ".join(values * times).encode())
        denial = asyncio.run(stage.judge(PATIENT, asks, message, supervised=True)).denial
        return denial.reason if denial else ""

    values = [f"ghp_{_random(n, 36)}" for n in range(MOST_SHOWN + 1)]
    assert "11 different" in denied(values) and ledger.times == 0
    assert denied(values[:-1], times=3) == "" and ledger.times == 1
    (shown,) = ledger.shown
    assert len({row["fingerprint"] for row in shown}) == len(shown) == MOST_SHOWN
    assert denied(values[:-1]) == "" and ledger.times == 1
    assert denied(values) == "" and ledger.times == 2
    assert len(ledger.shown[1]) == 1


def test_nobody_is_asked_where_not_everything_could_be_shown() -> None:
    ledger = Asked()
    denial = judge(
        route(on_match="supervise"), f"{OTHER} " * COPIES, ledger=ledger, scanner=PATIENT
    ).denial
    assert denial is not None and "left out" in denial.reason and ledger.times == 0
    few = judge(route(on_match="supervise"), f"{OTHER} " * 200, ledger=ledger, scanner=PATIENT)
    assert few.denial is None and ledger.times == 1


def _random(seed: int, size: int = 24) -> str:
    rng = random.Random(seed)
    return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(size - 1)) + "7"
