"""Echoes of real credentials are overwritten, however the response is cut into chunks."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.sidecar.egress.echoes import echo_forms
from botbottle.sidecar.egress.scrub import Scrubber

SECRET = b"sk-real-secret-0123456789"


def through(scrubber: Scrubber, chunks: list[bytes]) -> bytes:
    stream = scrubber.stream()
    return b"".join(stream.feed(c) for c in chunks) + stream.finish()


@given(st.binary(max_size=60), st.binary(max_size=60), st.lists(st.integers(0, 150), max_size=6))
def test_no_chunking_lets_a_secret_through(head: bytes, tail: bytes, cuts: list[int]) -> None:
    body = head + SECRET + tail
    edges = sorted({0, len(body), *(c for c in cuts if c < len(body))})
    chunks = [body[a:b] for a, b in itertools.pairwise(edges)]
    out = through(Scrubber([SECRET]), chunks)
    assert SECRET not in out
    assert out == body.replace(SECRET, b"*" * len(SECRET))


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_everything_else_passes_unchanged(chunks: list[bytes]) -> None:
    assert through(Scrubber([SECRET]), chunks) == b"".join(chunks)


def test_an_event_is_never_held_back() -> None:
    stream = Scrubber([SECRET]).stream()
    event = b'data: {"text":"sk-real-"}\n\n'
    assert stream.feed(event) == event


def test_only_a_tail_that_could_become_a_secret_is_held() -> None:
    stream = Scrubber([SECRET]).stream()
    assert stream.feed(b"abc sk-re") == b"abc "
    assert stream.feed(b"ad") == b"sk-read"


@given(st.lists(st.text("ab", min_size=8, max_size=12), min_size=1, max_size=4), st.text("abc"))
def test_the_longest_tail_that_could_become_one_is_held(secrets: list[str], text: str) -> None:
    needles, data = [s.encode() for s in secrets], text.encode()
    scrubber = Scrubber(needles)
    clean = scrubber.clean(data)
    tails = (n for n in range(len(clean), 0, -1) if _begins(needles, clean[-n:]))
    assert scrubber.held(clean) == next(tails, 0)


def _begins(needles: list[bytes], tail: bytes) -> bool:
    return any(len(n) > len(tail) and n.startswith(tail) for n in needles)


def test_without_secrets_nothing_is_held() -> None:
    assert Scrubber([]).held(b"abc") == 0


def test_encoded_echoes_are_found() -> None:
    import base64

    scrubber = Scrubber(echo_forms([SECRET.decode()]))
    for pad in (b"", b"a", b"ab"):
        encoded = base64.b64encode(pad + SECRET + b"tail")
        cleaned = scrubber.clean(encoded)
        assert SECRET not in base64.b64decode(cleaned.replace(b"*", b"A"))
    assert SECRET.hex().encode() not in scrubber.clean(SECRET.hex().encode())


ESCAPES = ("%{:02x}", "%{:02X}", "\\u{:04x}", "\\u{:04X}", "&#{};", "&#x{:x};")


@pytest.mark.parametrize(
    "echo",
    [
        SECRET.hex().upper().encode(),
        SECRET.hex(":").upper().encode(),
        SECRET.upper(),
        *("".join(map(code.format, SECRET)).encode() for code in ESCAPES),
    ],
)
def test_echoes_in_capitals_and_in_escapes_are_found(echo: bytes) -> None:
    scrubber = Scrubber(echo_forms([SECRET.decode()]))
    assert (
        through(scrubber, [b"<<" + echo[:7], echo[7:] + b">>"]) == b"<<" + b"*" * len(echo) + b">>"
    )
    assert through(scrubber, [b"<<" + echo[1:] + b">>"]) == b"<<" + echo[1:] + b">>"


def test_short_values_are_not_searched_for() -> None:
    assert not Scrubber([b"abc"])


def test_a_scrubber_does_not_show_what_it_holds() -> None:
    assert "real" not in repr(Scrubber([SECRET]))
