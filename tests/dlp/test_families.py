"""Every family of credentials, in each of its formats, is acted on wherever it stands."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from botbottle.dlp import Scanner, Verdict
from tests.dlp.conftest import PATIENT
from tests.dlp.families import FAMILIES, HEX, some

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


@pytest.mark.parametrize("name", ["md5=", "sha1-", "sha256:", "sha512="])
def test_the_name_of_a_digest_in_front_disarms_none(name: str) -> None:
    for family, text in CASES:
        verdicts = {f.verdict for f in SCANNER.scan(f"{name}{text}".encode())}
        assert verdicts - {Verdict.WARN}, (family, text)


def test_a_digest_is_one_behind_its_name() -> None:
    for name, size in (("md5", 32), ("sha1", 40), ("sha256", 64)):
        text = f"api_key_{name}: {name}={some(HEX, size)}"
        assert {f.verdict for f in SCANNER.scan(text.encode())} <= {Verdict.WARN}, text


def test_the_same_words_without_a_credential_are_not() -> None:
    for name in FAMILIES:
        text = f"The {name} credential is read from the environment: see {name.upper()}_TOKEN."
        assert not SCANNER.scan(text.encode()), name
