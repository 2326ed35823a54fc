"""Every family of credentials, in each of its formats, is acted on wherever it stands."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner, Verdict
from tests.dlp.conftest import PATIENT
from tests.dlp.families import FAMILIES

SCANNER = Scanner({}, key=b"k", limits=PATIENT)
CASES = [(name, text) for name, texts in FAMILIES.items() for text in texts]


def in_json(text: str) -> str:
    return json.dumps({"content": [{"type": "tool_result", "content": f"done\n{text}\nnext"}]})


FORMS: dict[str, Callable[[str], str]] = {
    "raw": lambda text: f"line before\n{text}\nline after",
    "json": in_json,
    "json in json": lambda text: json.dumps({"params": {"text": in_json(text)}}),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", range(len(CASES)))
def test_every_format_is_acted_on(number: int, form: str) -> None:
    name, text = CASES[number]
    verdicts = {f.verdict for f in SCANNER.scan(FORMS[form](text).encode())}
    assert verdicts - {Verdict.WARN}, (name, text)


def test_the_same_words_without_a_credential_are_not() -> None:
    for name in FAMILIES:
        text = f"The {name} credential is read from the environment: see {name.upper()}_TOKEN."
        assert not SCANNER.scan(text.encode()), name
