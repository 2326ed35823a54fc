"""Echoes of real credentials that were cut short, as error pages show them."""

from __future__ import annotations

import gzip
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.sidecar.egress.echoes import cut_forms, echo_forms
from botbottle.sidecar.egress.returning import EchoInEncodedBody, tee_of
from botbottle.sidecar.egress.scrub import Scrubber

KEY = "sk-ant-api03-q7Zr2Kx9VbT4mPw8Ld3HsNf6YcJg1XeA5uRk0QzM"
HEAD = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ0aGUgaXNzdWVyIG9mIGFsbCJ9."
JWT = HEAD + "Ww3nJ8sLq0Zb5Xc7Rf2Tg9Vh4Yk6Mp1Dd0Ee8Aa7b4"
WORDS = "correct horse battery staple and some more words"


def scrubber(*values: str) -> Scrubber:
    return Scrubber(echo_forms(values), cut_forms(values))


SCRUBBER = scrubber(KEY, JWT, WORDS)


@given(
    st.integers(29, len(KEY)),
    st.binary(max_size=30),
    st.sampled_from([b"...", b"", b"\n", b"-sk-ant-", b"-s"]),
    st.lists(st.integers(0, 120), max_size=5),
)
def test_no_chunking_lets_a_beginning_through(
    size: int, head: bytes, tail: bytes, cuts: list[int]
) -> None:
    body = head + KEY.encode()[:size] + tail
    edges = sorted({0, len(body), *(c for c in cuts if c < len(body))})
    stream = SCRUBBER.stream()
    out = b"".join(stream.feed(body[a:b]) for a, b in itertools.pairwise(edges)) + stream.finish()
    assert out == head + b"*" * size + tail
    assert SCRUBBER.clean(body) == out and SCRUBBER.hits(body) and stream.found


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(KEY[:28], id="too short to tell"),
        pytest.param(HEAD, id="what all tokens of an issuer share"),
        pytest.param(HEAD + "Another0Signature1Of2The3Same4Issuer5", id="another of them"),
        pytest.param(WORDS[:40], id="words"),
        pytest.param(KEY[1:40], id="no beginning"),
    ],
)
def test_other_texts_pass(text: str) -> None:
    stream = SCRUBBER.stream()
    body = f"<{text}>".encode()
    assert stream.feed(body) + stream.finish() == SCRUBBER.clean(body) == body
    assert not stream.found and not SCRUBBER.hits(body)


def test_each_is_overwritten_from_its_own_beginning() -> None:
    body = f"{KEY[:40]} {JWT[:-9]} {KEY[:35]}{KEY}".encode()
    want = f"{'*' * 40} {'*' * (len(JWT) - 9)} {'*' * (35 + len(KEY))}".encode()
    assert SCRUBBER.clean(body) == want


@pytest.mark.parametrize("tail", [b" is no key", b""])
def test_in_a_compressed_body_it_ends_the_response(tail: bytes) -> None:
    def through(body: bytes) -> None:
        tee = tee_of(None, SCRUBBER, "gzip", None)
        assert callable(tee)
        for piece in (gzip.compress(body, mtime=0), b""):
            tee(piece)

    with pytest.raises(EchoInEncodedBody):
        through(b"the key " + KEY.encode()[:40] + tail)
    through(b"the key " + KEY.encode()[:20] + tail)


def test_both_are_looked_for_where_two_are_joined() -> None:
    joined = scrubber(KEY).joined(scrubber(JWT))
    assert joined.hits(KEY[:40].encode()) and joined.hits(JWT[:-9].encode())
    assert scrubber(KEY).same(scrubber(KEY)) and not scrubber(KEY).same(joined)
