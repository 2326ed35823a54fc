"""What is cut out of a request to a provider, and where that is worked out."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from dataclasses import replace
from typing import Any, cast

import pytest
import zstandard

from botbottle.dlp import Limits
from botbottle.model.route import Dlp, Route
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.scan import Judgement, OutboundScan, Outgoing
from tests.dlp.conftest import alnum, github
from tests.sidecar_egress.test_glance import HELD, Watched

TOKEN = github(random.Random(8))
SIGNATURE = base64.b64encode(random.Random(1).randbytes(200)).decode()
PROVIDER = Route("api.anthropic.com", provider="claude")
ANOTHER = Route("a.example", dlp=Dlp(outbound_on_match="redact"))


def request(thought: str, said: str) -> Outgoing:
    block = {"type": "thinking", "thinking": thought, "signature": SIGNATURE}
    content = [block, {"type": "text", "text": said}]
    body = json.dumps({"messages": [{"role": "assistant", "content": content}]}).encode()
    headers = ((b"content-type", b"application/json"),)
    return Outgoing("https://api.test/v1/messages", headers, body, "application/json")


def judged(route: Route, message: Outgoing, scanner: Watched | None = None) -> Judgement:
    scan = OutboundScan(cast(Ledger, None))
    return asyncio.run(scan.judge(scanner or Watched(), route, message, supervised=False))


def content(result: Judgement) -> list[dict[str, Any]]:
    assert result.denial is None, result.denial
    blocks: list[dict[str, Any]] = json.loads(result.message.body)["messages"][0]["content"]
    return blocks


def test_what_a_provider_has_signed_goes_back_to_it_unchanged() -> None:
    thought, said = content(judged(PROVIDER, request(f"I write {TOKEN}", f"I wrote {TOKEN}")))
    assert thought["thinking"] == f"I write {TOKEN}"
    assert TOKEN not in said["text"] and "[REDACTED:" in said["text"]


def test_elsewhere_nothing_is_signed_for() -> None:
    thought, said = content(judged(ANOTHER, request(f"I write {TOKEN}", "and no more")))
    assert TOKEN not in thought["thinking"] and said["text"] == "and no more"


@pytest.mark.parametrize("said", ["and no more", TOKEN])
def test_a_held_secret_that_is_signed_is_refused(said: str) -> None:
    denial = judged(PROVIDER, request(f"it is {HELD.decode()}", said)).denial
    assert denial is not None and denial.code == "dlp"


def test_only_the_first_look_may_be_in_the_event_loop() -> None:
    scanner = Watched()
    content(judged(PROVIDER, request("", f"token {base64.b64encode(TOKEN.encode()).decode()}")))
    content(judged(PROVIDER, request("", TOKEN), scanner))
    assert [here for _, here in scanner.looks][1:] == [False] * (len(scanner.looks) - 1)
    assert len(scanner.looks) > 1


def test_what_cannot_be_cut_is_refused_in_words() -> None:
    message = request("", "")
    named = f"https://{TOKEN}@api.test/v1/messages"
    denial = judged(PROVIDER, Outgoing(named, message.headers, b"{}", "application/json")).denial
    assert denial is not None and "cannot be cut out: it is in the host" in denial.reason
    assert "begin anew" in denial.document()["error"]["message"]


def test_a_body_that_is_too_large_is_refused_with_its_bound_and_a_way_out() -> None:
    scanner = Watched()
    scanner.limits = Limits(body=1000)
    denial = judged(PROVIDER, request("", "a" * 2000), scanner).denial
    assert denial is not None and denial.reason.startswith("limit.size found in body: the body is")
    assert "stream_uploads" in denial.document()["remedy"]


def test_a_bound_in_front_of_which_there_are_tokens_is_no_refusal() -> None:
    scanner = Watched()
    scanner.limits = Limits(runs=3, seconds=30.0)
    rng = random.Random(4)
    said = " ".join(f"sk-ant-api03-{alnum(rng, 93)}AA" for _ in range(9))
    assert content(judged(PROVIDER, request("", said), scanner))[1]["text"].count("[REDACTED:") == 9
    denial = judged(
        PROVIDER, request("", " ".join(alnum(rng, 80) for _ in range(9))), scanner
    ).denial
    assert denial is not None and denial.reason.startswith("limit.runs found in")


def test_a_compressed_body_goes_on_without_the_token_and_plain() -> None:
    plain = request("", f"it is {TOKEN}")
    headers = (*plain.headers, (b"content-encoding", b"zstd"))
    packed = replace(plain, body=zstandard.compress(plain.body), headers=headers, coding="zstd")
    result = judged(PROVIDER, packed)
    assert "[REDACTED:" in content(result)[1]["text"]
    assert result.message.headers == plain.headers and not result.message.coding
