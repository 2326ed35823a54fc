"""Tokens and held secrets that a line break cuts are found, and no others are made of lines."""

from __future__ import annotations

import json
import random
import textwrap
from collections.abc import Callable

import pytest

from botbottle.dlp import Limits, Scanner, Verdict
from tests.dlp import families
from tests.dlp.conftest import PATIENT, github, leaks

RNG = random.Random(9)
TOKEN = github(RNG)
HELD = b"Zq7Kw2Lm9Xv4Bn8Rt1Yp5Jd3Hs6F"
SCANNER = Scanner({"S": HELD}, key=b"k", limits=PATIENT)
PREFIXED = (
    "ghp_", "glpat-", "sk-ant-", "npm_", "xoxb-", "hvs.", "dop_v1_", "SG.", "lin_api_",
)  # fmt: skip

BREAKS = (
    "\n", "\r\n", "=\n", "=\r\n", "\n    ", "\n\t", "\n> ", "\n>> ", "\n> > ", "\n# ", "\n// ",
    "\n | ", "\n * ", "\n    12\t", "\n12: ", "\n     7→", "\n7| ",
)  # fmt: skip
FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "json": lambda text: json.dumps({"content": text}),
    "json2": lambda text: json.dumps({"body": json.dumps({"content": text})}),
}


def tokens(text: str) -> set[str]:
    found = SCANNER.scan(text.encode())
    return {f.rule for f in found if f.verdict is Verdict.TOKEN}


@pytest.fixture(autouse=True)
def _same_in_every_process() -> None:
    RNG.seed(9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("between", BREAKS)
def test_a_token_that_is_cut_by_a_line_break_is_found(between: str, form: str) -> None:
    for at in (4, 8, 20, 30, 38):
        text = f"the key is {TOKEN[:at]}{between}{TOKEN[at:]} and more\n"
        assert "github.token" in tokens(FORMS[form](text)), (at, text)


@pytest.mark.parametrize("width", [40, 64, 72, 76, 80])
def test_folded_text_hides_no_token(width: int) -> None:
    text = "word " * 200 + f"GITHUB={TOKEN} " + "and more words " * 30
    for start in range(60):
        lines = _fold("x" * start + text, width)
        if any(TOKEN[:4] in line for line in lines):  # else the break is in what begins it
            assert "github.token" in tokens("\n".join(lines))


def _fold(text: str, width: int) -> list[str]:
    return [text[at : at + width] for at in range(0, len(text), width)]


@pytest.mark.parametrize("between", BREAKS)
def test_a_held_secret_that_is_cut_is_found_also_in_a_large_body(between: str) -> None:
    held = HELD.decode()
    around = "some words in a line of text, as they stand in any file\n" * 900
    for at in (6, 10, 14, 20):
        cut = f"{around}the key {held[:at]}{between}{held[at:]} and more\n{around}"
        for form in FORMS.values():
            assert leaks(SCANNER, form(cut).encode()), at


def test_a_whole_token_at_the_end_of_a_line_is_told_once() -> None:
    found = SCANNER.scan(f"a {TOKEN}\nand more words\nof text".encode())
    assert [f.rule for f in found] == ["github.token"]


def test_an_armored_key_is_told_where_it_stands_alone() -> None:
    for name in ("ssh", "keys", "jwt", "grafana"):
        for text in families.FAMILIES.get(name, ()):
            said = json.dumps({"content": f"before\n{text}\nline after"}).encode()
            found = [f for f in SCANNER.scan(said) if f.verdict is Verdict.TOKEN]
            inside = {f.location for f in found if f.location == "body"}
            assert not inside or "body>wrapped" not in {f.location for f in found}, text


def test_lines_that_end_in_names_make_no_token() -> None:
    text = "sk_live_\nkeys\nnpm_config_\nregistry\nghp_\n" + textwrap.fill("glpat- " * 500, 70)
    assert not [f for f in SCANNER.scan(text.encode()) if f.verdict is not Verdict.WARN]


def test_more_such_lines_than_are_counted_are_told_and_hide_nothing_in_front() -> None:
    scanner = Scanner({}, key=b"k", limits=Limits(seconds=30))
    found = scanner.scan(f"{TOKEN[:20]}\n> {TOKEN[20:]}\n".encode() + b"ghp_abc\n" * 9000)
    assert {"limit.events", "github.token"} <= {f.rule for f in found}
    assert not scanner.scan(b"ghp_abc\n" * 900)


@pytest.mark.parametrize("prefix", PREFIXED)
def test_every_family_with_a_prefix_is_put_together(prefix: str) -> None:
    assert _samples(prefix)
    for sample in _samples(prefix):
        alone = tokens(f"x {sample} y")
        cut = len(prefix) + 5
        assert alone <= tokens(f"x {sample[:cut]}\n    {sample[cut:]} y"), sample


def _samples(prefix: str) -> list[str]:
    made = (text for texts in families.FAMILIES.values() for text in texts)
    return [text for text in made if text.startswith(prefix)][:3]


def test_a_line_in_front_of_a_token_is_no_beginning_of_another() -> None:
    token = "xoxb-0123456789-0123456789-Ab3dEf5hIj7lMn9pQr1tUv3x"
    found = SCANNER.scan(f"xoxb-egfgahgfbhdd-fhehehhe\n{token}\n".encode())
    assert [f.location for f in found if f.verdict is Verdict.TOKEN] == ["body"]
    cut = SCANNER.scan(f"xoxb-egfgahgfbhdd-fhehehhe\n{token[:12]}\n{token[12:]}\n".encode())
    assert [f.location for f in cut if f.verdict is Verdict.TOKEN] == ["body>wrapped"]


def test_a_jwt_that_a_document_shows_in_parts_is_none() -> None:
    header, payload = "eyJhbGciOiJFUzI1NiJ9", "eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIn0"
    for text in (
        f"&assertion={header}.\n   eyJpc3Mi[...omitted for brevity...].",
        f"{header}\n     .\n     {payload}\n     .\n",
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9\n     .\n"
        "     eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\n"
        "     cGxlLmNvbS9pc19yb290Ijp0cnVlfQ\n     .\n"
        "     dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\n",
    ):
        assert not tokens(text), text
    signature = families.some(families.URL, 86)
    assert "jwt" in tokens(f"{header}.{payload}.{signature[:30]}\n{signature[30:]}\n")
