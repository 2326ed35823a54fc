"""An answer of gRPC passes whole when it is whole: its peer may wait for it before it says more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.sidecar.egress.grpc_messages import Messages
from botbottle.sidecar.egress.returning import tee_of
from botbottle.sidecar.egress.scrub import Scrubber

SECRET = b"real-secret-value-0123"
SCRUBBER = Scrubber((SECRET, SECRET.upper()))


def framed(text: bytes) -> bytes:
    return b"\0" + len(text).to_bytes(4) + text


def passed(chunk: bytes, messages: Messages | None) -> bytes:
    tee = tee_of(None, SCRUBBER, "", None, messages)
    assert callable(tee)
    out = tee(chunk)
    return out if isinstance(out, bytes) else b"".join(out)


@pytest.mark.parametrize("text", [b"four", b"FOUR", b"a re", SECRET[:-1]])
def test_what_may_become_a_secret_is_none_where_its_message_ends(text: bytes) -> None:
    whole = framed(text)
    assert passed(whole, Messages()) == whole
    assert len(passed(whole, None)) < len(whole), "elsewhere more decides"
    part = framed(text + b"x")[:-1]
    assert len(passed(part, Messages())) < len(part), "and within a message"


@given(st.integers(1, 60), st.binary(max_size=30))
def test_a_secret_in_a_message_is_overwritten_however_it_arrives(size: int, text: bytes) -> None:
    body = framed(text + SECRET + text) + framed(SECRET)
    tee = tee_of(None, SCRUBBER, "", None, Messages())
    assert callable(tee)
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    out = b"".join(
        b"".join([r]) if isinstance(r, bytes) else b"".join(r) for r in map(tee, [*chunks, b""])
    )
    assert out == body.replace(SECRET, b"*" * len(SECRET))


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 50))
def test_only_ends_of_messages_are_ends(texts: list[bytes], size: int) -> None:
    body = b"".join(map(framed, texts))
    ends, at = set(), 0
    for text in texts:
        at += 5 + len(text)
        ends.add(at)
    messages = Messages()
    for start in range(0, len(body), size):
        stop = min(start + size, len(body))
        assert messages.feed(body[start:stop]) == (stop in ends)
