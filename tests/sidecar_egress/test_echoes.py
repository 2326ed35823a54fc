"""What servers make of a credential that they show again, by the libraries that they use, is
overwritten wherever it is cut into chunks."""

from __future__ import annotations

import base64
import html
import itertools
import json
import quopri
import string
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.sidecar.egress.echoes import echo_forms
from botbottle.sidecar.egress.scrub import Scrubber, _keys

KEY = "sk-real-secret-0123456789"
PASSWORD = "p/s+w=rd'<q7Zr2Kx9VbT4mPw8>&\"Ld3~x"
VALUES = pytest.mark.parametrize("value", [KEY, PASSWORD], ids=["a key", "a password"])
SCRUBBERS = {value: Scrubber(echo_forms([value])) for value in (KEY, PASSWORD)}


def replaced(chars: str, code: str) -> Callable[[str], str]:
    return lambda text: "".join(code.format(ord(c)) if c in chars else c for c in text)


ODD = string.punctuation
ECHOES: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "percent, path": quote,
    "percent, form": quote_plus,
    "percent, .NET": replaced("".join(set(ODD) - set("-_.!*()")), "%{:02x}"),
    "percent, encodeURIComponent": lambda text: quote(text, safe="!~*'()"),
    "percent, all but letters": replaced(ODD, "%{:02x}"),
    "json": lambda text: json.dumps(text)[1:-1],
    "json, .NET": replaced("\"&'<>+`\\", "\\u{:04X}"),
    "json, Go": lambda text: replaced("&<>", "\\u{:04x}")(text).replace('"', '\\"'),
    "script, all but letters": replaced(ODD, "\\u{:04x}"),
    "script, \\x": replaced(ODD, "\\x{:02x}"),
    "json, PHP": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "html": html.escape,
    "html, PHP": lambda text: html.escape(text).replace("&#x27;", "&#039;"),
    "html, Go": lambda text: replaced("'\"", "&#{};")(html.escape(text, quote=False)),
    "html, all but letters": replaced(ODD, "&#x{:X};"),
    "html, zeros": replaced(ODD + string.ascii_letters + string.digits, "&#{:04};"),
    "html, zeros, hex": replaced(ODD, "&#x{:04x};"),
    "percent, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "percent, path, twice": lambda text: quote(quote(text)),
    "octal": replaced(ODD + string.ascii_letters + string.digits, "\\{:03o}"),
    "octal, a shell's": replaced("\"'\\", "\\{:03o}"),
    "reversed": lambda text: text[::-1],
    "quoted-printable": lambda text: quopri.encodestring(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "hex, capitals": lambda text: text.encode().hex(" ").upper(),
    "a list of bytes": lambda text: ", ".join(map(str, text.encode())),
    "JSON of a buffer": lambda text: ",".join(map(str, text.encode())),
    "base32": lambda text: base64.b32encode(text.encode()).decode().rstrip("="),
    "base32, small": lambda text: base64.b32encode(text.encode()).decode().rstrip("=").lower(),
    "utf-16-le": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "utf-16-be": lambda text: text.encode("utf-16-be").decode("latin-1"),
}


def through(value: str, chunks: list[bytes]) -> bytes:
    stream = SCRUBBERS[value].stream()
    return b"".join(stream.feed(c) for c in chunks) + stream.finish()


@VALUES
@pytest.mark.parametrize("kind", ECHOES)
def test_an_echo_is_overwritten_however_it_is_escaped(value: str, kind: str) -> None:
    echo = ECHOES[kind](value).encode("latin-1")
    page = b"{<" + echo + b">}"
    out = through(value, [page])
    assert len(out) == len(page) and out.startswith(b"{<") and out.endswith(b">}")
    rest = out[2:-2].replace(b"*", b"")
    assert len(rest) <= 2, "the edges of base32 and utf-16 are shared with what is around"


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(ECHOES)), st.sampled_from([KEY, PASSWORD]), st.lists(st.integers(0, 400))
)
def test_and_wherever_it_is_cut(kind: str, value: str, cuts: list[int]) -> None:
    page = b"\n: " + ECHOES[kind](value).encode("latin-1") + b" :\n"
    edges = sorted({0, len(page), *(c for c in cuts if c < len(page))})
    chunks = [page[a:b] for a, b in itertools.pairwise(edges)]
    assert through(value, chunks) == through(value, [page]) != page


@VALUES
@pytest.mark.parametrize("before", range(6))
def test_base32_is_found_within_longer_texts(value: str, before: int) -> None:
    text = base64.b32encode(b"x" * before + value.encode() + b"y" * 3)
    out = through(value, [text])
    assert out.count(b"*") >= len(value) * 8 // 5 - 2
    shown = base64.b32decode(out.replace(b"*", b"A"))
    assert value[2:-2].encode() not in shown


@VALUES
def test_another_value_in_the_same_forms_passes(value: str) -> None:
    other = value[:4] + value[4:][::-1]
    for kind, form in ECHOES.items():
        page = form(other).encode("latin-1")
        assert through(value, [page]) == page, kind


@VALUES
def test_few_texts_tell_whether_one_may_be_there(value: str) -> None:
    """They are found in every form; the engine takes three times as long with all of them."""
    forms = set(echo_forms([value]))
    keys = _keys(sorted(forms))
    assert len(keys) < 48 and all(any(key in form.lower() for key in keys) for form in forms)
    assert all(SCRUBBERS[value].candidates(b"<" + form + b">") for form in forms)


def test_zeros_are_no_candidates() -> None:
    """A literal with a NUL ended there for the engine, which found its first letter everywhere."""
    scrubber = SCRUBBERS[KEY]
    assert not scrubber.candidates(b"s" * 100 + bytes(100) + b"sk-real-secret")
    assert scrubber.held(bytes(1000)) == 0
