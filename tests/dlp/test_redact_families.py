"""Every credential that may be redacted can be: a conversation goes on without it."""

from __future__ import annotations

import base64
import json

import pytest

from botbottle.dlp import Redacted, Scanner, Verdict, redact
from tests.dlp.conftest import PATIENT
from tests.dlp.families import FAMILIES, checked

SCANNER = Scanner({}, key=b"k", limits=PATIENT)
CASES = [(name, text) for name, texts in FAMILIES.items() for text in texts]
URL = "https://api.test/v1/messages"
JSON = "application/json"
NAMED_ONLY = ("slack", "generic")  # some of their samples are told by a name alone
# A PEM in Base64, which may go on behind a line break: a word there goes with it.
WRAPPED = "LS0tLS1CRUdJTiB"


def asked(said: str) -> bytes:
    message = {"role": "user", "content": said}
    return json.dumps({"model": "m", "messages": [message]}).encode()


def told(body: bytes) -> str:
    content = json.loads(body)["messages"][0]["content"]
    assert isinstance(content, str)
    return content


@pytest.mark.parametrize("number", range(len(CASES)))
def test_each_sample_is_cut_out_of_a_message(number: int) -> None:
    name, text = CASES[number]
    body = asked(f"line before\n{text}\nline after")
    found = SCANNER.scan_request(URL, (), body, JSON, "")
    if name in NAMED_ONLY and not any(f.verdict is Verdict.TOKEN for f in found):
        assert {f.verdict for f in found} == {Verdict.SUPERVISE}, "for an operator to judge"
        return
    cut = redact(SCANNER, found, url=URL, headers=(), body=body, content_type=JSON)
    assert isinstance(cut, Redacted), (name, text, cut, found)
    content = told(cut.body)
    kept = " after" if WRAPPED in text else "line after"
    assert content.startswith("line before\n") and content.endswith(kept), name


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_document_that_quotes_it_is_still_one(number: int) -> None:
    name, text = CASES[number]
    body = asked(json.dumps({"access": text, "next": "kept"}))
    found = SCANNER.scan_request(URL, (), body, JSON, "")
    if all(f.verdict is not Verdict.TOKEN for f in found):
        return  # the other test says which
    cut = redact(SCANNER, found, url=URL, headers=(), body=body, content_type=JSON)
    assert isinstance(cut, Redacted), (name, text, cut, found)
    assert json.loads(told(cut.body))["next"] == "kept", name


def test_a_run_elsewhere_is_cut_besides() -> None:
    token = "ghp_" + checked("", 30)
    hidden = base64.b64encode(f"GITHUB_TOKEN={'ghp_' + checked('', 30)} and more".encode())
    body = asked(f"{token} and {hidden.decode()}")
    found = SCANNER.scan_request(URL, (), body, JSON, "")
    assert {"body", "body>base64"} <= {f.location for f in found}
    cut = redact(SCANNER, found, url=URL, headers=(), body=body, content_type=JSON)
    assert isinstance(cut, Redacted) and cut.removed == 2
    assert token.encode() not in cut.body and hidden not in cut.body and b" and [" in cut.body


def test_one_behind_escapes_beside_what_is_cut_is_seen_by_the_next_scan() -> None:
    hidden = "%67%68%70%5F" + checked("", 30)
    token = "ghp_" + checked("", 30)
    body = asked(f"{token} and {hidden}")
    found = SCANNER.scan_request(URL, (), body, JSON, "")
    assert {"body", "body>percent"} <= {f.location for f in found}
    cut = redact(SCANNER, found, url=URL, headers=(), body=body, content_type=JSON)
    assert isinstance(cut, Redacted)
    assert token.encode() not in cut.body and hidden.encode() not in cut.body
