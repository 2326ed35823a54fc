"""A flood in front of a token ends in a refusal where tokens are cut out, not in silence."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import cast

from botbottle.dlp import Scanner
from botbottle.model.route import Route
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.scan import Judgement, OutboundScan, Outgoing
from tests.dlp.conftest import PATIENT, github
from tests.dlp.test_flood import near

RNG = random.Random(5)
TOKEN = github(RNG)
SLACK = "xoxb-" + "0123456789-" * 2 + "Ab3dEf5hIj7lMn9pQr1tUv3x"
SCANNER = Scanner({}, key=b"k", limits=PATIENT)
ROUTE = Route(host="api.example", provider="claude")


def judge(text: str) -> Judgement:
    stage = OutboundScan(cast(Ledger, None))
    message = Outgoing("https://api.example/", (), text.encode())
    return asyncio.run(stage.judge(SCANNER, ROUTE, message, supervised=False))


def test_a_token_behind_a_flood_of_its_own_rule_does_not_leave() -> None:
    verdict = judge(near(20_000) + "\n" + SLACK)
    assert verdict.denial is not None and "limit.events" in verdict.denial.reason
    control = judge(near(100) + "\n" + SLACK)
    assert control.denial is None and SLACK.encode() not in control.message.body


def test_a_token_in_a_lock_file_is_cut_out_and_the_file_sent() -> None:
    entry = '"integrity": "sha512-{}",\n'
    lock = [entry.format(base64.b64encode(RNG.randbytes(64)).decode()) for _ in range(3000)]
    assert judge("".join(lock)).denial is None
    found = judge("".join([*lock, f'"note": "{TOKEN}"', *lock]))
    assert found.denial is None and TOKEN.encode() not in found.message.body
