"""Every credential that may be redacted can be: a conversation goes on without it."""

from __future__ import annotations

import json

import pytest

from botbottle.dlp import CannotRedact, Redacted, Scanner, Verdict, redact
from tests.dlp.conftest import PATIENT
from tests.dlp.families import FAMILIES

SCANNER = Scanner({}, key=b"k", limits=PATIENT)
CASES = [(name, text) for name, texts in FAMILIES.items() for text in texts]
URL = "https://api.test/v1/messages"
JSON = "application/json"
NAMED_ONLY = ("slack", "generic")  # some of their samples are told by a name alone


# Of these a rule finds the key in what they decode to, which cannot be cut exactly.
ENCODED = ("?sv=", "LS0tLS1CRUdJTiB", "    client-key-data: LS0tLS1CRUdJTiB")


@pytest.mark.parametrize("number", range(len(CASES)))
def test_each_sample_is_cut_out_of_a_message(number: int) -> None:
    name, text = CASES[number]
    said = {"role": "user", "content": f"line before\n{text}\nline after"}
    body = json.dumps({"model": "m", "messages": [said]}).encode()
    found = SCANNER.scan_request(URL, (), body, JSON, "")
    if name in NAMED_ONLY and not any(f.verdict is Verdict.TOKEN for f in found):
        assert {f.verdict for f in found} == {Verdict.SUPERVISE}, "for an operator to judge"
        return
    cut = redact(SCANNER, found, url=URL, headers=(), body=body, content_type=JSON)
    if text.startswith(ENCODED):
        assert cut == CannotRedact("encoded")
        return
    assert isinstance(cut, Redacted), (name, text, cut, found)
    content = json.loads(cut.body)["messages"][0]["content"]
    assert content.startswith("line before\n") and content.endswith("line after"), name
