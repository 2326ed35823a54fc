"""The fast decoder gives what the standard library's slow one gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.dlp import Scanner, Verdict
from botbottle.dlp.compiled import matcher
from botbottle.dlp.escapes import percent, unescape, windows
from botbottle.dlp.triggers import TRIGGERS
from tests.dlp.conftest import PATIENT

PERCENT = matcher(TRIGGERS[:1])
PIECES = (
    *(b"%41", b"%fF", b"%25", b"%3d", b"%3D", b"%4", b"%", b"%%", b"="),
    *(b"\n", b"\r", b"\r\n", b"\\", b"\\u0041", b"\\n", b"u", b"0", b"D", b"g", b"_", b"\xff"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join))
def test_percent_escapes_are_undone_once_whatever_surrounds_them(data: bytes) -> None:
    assert percent(data) == unquote_to_bytes(data)


@given(st.lists(st.integers(1, 200_000), max_size=20), st.integers(1, 200_000))
def test_windows_cover_every_escape_and_stay_inside(ends: list[int], size: int) -> None:
    inside = sorted(end for end in ends if end <= size)
    pieces = list(windows(inside, size))
    assert all(any(low < end <= high for low, high in pieces) for end in inside)
    assert all(0 <= low < high <= size for low, high in pieces)


_TEXT = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="&"), max_size=40
)
_FORMS = (
    lambda c: f"&#{c};",
    lambda c: f"&#{c:04};",
    lambda c: f"&#x{c:x};",
    lambda c: f"&#X{c:02X};",
)


def test_references_that_move_up_are_undone_too() -> None:
    coded = "&#9731;" + "x" * 1924 + "&#48;" * 18 + "&#49;"
    assert unescape(3, coded.encode())[1].endswith(b"x" + b"0" * 18 + b"1")


@given(st.lists(st.tuples(_TEXT, st.sampled_from(_FORMS)), max_size=8), st.integers(0, 2100))
def test_numeric_references_are_undone_wherever_they_stand(
    parts: list[tuple[str, Callable[[int], str]]], lead: int
) -> None:
    data = (
        "&#9731;" + "x" * lead + "".join("".join(map(form, map(ord, t))) + t for t, form in parts)
    )
    name, undone = unescape(3, data.encode())
    assert name == "html"
    assert undone.decode() == "&#9731;" + "x" * lead + "".join(t + t for t, _ in parts)


@pytest.mark.parametrize(
    "text", [b"H4sIA%2F0v", b"ab%2B9", b"x%3D%3D", b"%67%68%70", b"%2567%2568", b"a%3Ab"]
)
def test_an_escape_that_can_be_of_encoded_data_fires_the_trigger(text: bytes) -> None:
    assert PERCENT.find(text, 1).hits


@pytest.mark.parametrize("text", [b"100%", b"%d of %d", b"%2d0", b"50%20off", b"%s%s"])
def test_formats_and_blanks_do_not(text: bytes) -> None:
    assert not PERCENT.find(text, 1).hits


SECRET = "q7Z2kX9vLm3Pw8Yb1Hc6Jd4Fg5Sa0QeVuKzMxBw7"


@pytest.mark.parametrize("escape", ["%{:02x}", "%{:02X}", "\\x{:02x}", "\\u{:04x}", "={:02X}"])
@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_escapes_of_some_of_a_value_are_undone(escape: str, step: int) -> None:
    scanner = Scanner({"S": SECRET.encode()}, key=b"k", limits=PATIENT)
    text = "".join(escape.format(ord(c)) if at % step == 0 else c for at, c in enumerate(SECRET))
    for size in (10, 4000):
        filler = "def load(path):\n    return open(path).read()\n" * size
        found = scanner.scan(f'{filler}{{"a":"{text}"}}{filler}'.encode())
        assert Verdict.BLOCK in {f.verdict for f in found}


@pytest.mark.parametrize("step", [5, 7, 12])
def test_a_form_is_undone_however_few_of_its_bytes_are_escaped(step: int) -> None:
    scanner = Scanner({"S": SECRET.encode()}, key=b"k", limits=PATIENT)
    text = "".join(f"%{ord(c):02x}" if at % step == 0 else c for at, c in enumerate(SECRET))
    kind = "application/x-www-form-urlencoded"
    found = scanner.scan_request("https://a.test/", (), f"v={text}".encode(), content_type=kind)
    assert Verdict.BLOCK in {f.verdict for f in found}


UNSEEN: tuple[Callable[[str], str], ...] = (
    lambda s: "\u200b".join(s),
    lambda s: f"{s[:9]}\u00ad{s[9:]}",
    lambda s: f"{s[:9]}\ufeff{s[9:]}",
    lambda s: "".join(chr(ord(sign) + 0xFEE0) for sign in s),
)


@pytest.mark.parametrize("number", range(len(UNSEEN)))
def test_a_token_with_unseen_signs_in_it_is_one(number: int) -> None:
    scanner = Scanner({}, key=b"k", limits=PATIENT)
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    text = f"before {UNSEEN[number](token)} after, in words: infor\u00admation\u200b"
    said = {"text": text}
    once, plain = json.dumps(said), json.dumps(said, ensure_ascii=False)
    for body in (text, once, plain, json.dumps(once), json.dumps(plain, ensure_ascii=False)):
        found = scanner.scan(body.encode())
        assert [f.rule for f in found if f.verdict is Verdict.TOKEN] == ["github.token"]
    assert not scanner.scan(text.replace(UNSEEN[number](token), "nothing").encode())
