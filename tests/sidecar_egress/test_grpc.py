"""gRPC messages on their way up, judged one by one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import OUTBOUND, Scanner
from botbottle.sidecar.egress.grpc import MAX_MESSAGE, Conversation, is_grpc
from botbottle.sidecar.egress.upload import UploadRefused

SECRET = b"real-secret-value-0123"
SCANNER = Scanner({"T": SECRET}, key=b"k")


def framed(text: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(text).to_bytes(4) + text


def conversation() -> Conversation:
    return Conversation(SCANNER, OUTBOUND, tuple, lambda found: None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 400))
def test_whole_messages_leave_at_once_however_they_arrive(texts: list[bytes], size: int) -> None:
    body = b"".join(framed(text) for text in texts)
    talk, left, given_ = conversation(), b"", 0
    for start in range(0, len(body), size):
        chunk = body[start : start + size]
        given_ += len(chunk)
        left += b"".join(talk(chunk))
        whole = [b"".join(map(framed, texts[:n])) for n in range(len(texts) + 1)]
        assert left == max((w for w in whole if len(w) <= given_), key=len)
    assert left + b"".join(talk(b"")) == body


@settings(max_examples=60, deadline=None)
@given(st.integers(1, len(SECRET) - 1), st.binary(max_size=2000), st.integers(1, 50))
def test_a_secret_in_two_messages_never_leaves_whole(at: int, before: bytes, size: int) -> None:
    body = framed(before) + framed(SECRET[:at]) + framed(SECRET[at:])
    talk, left = conversation(), b""
    with pytest.raises(UploadRefused) as refused:
        for start in range(0, len(body), size):
            left += b"".join(talk(body[start : start + size]))
    assert refused.value.denial.code == "dlp"
    assert (framed(before) + framed(SECRET[:at])).startswith(left)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (framed(b"x", flag=1), "dlp"),
        (framed(b"x") + framed(SECRET), "dlp"),
        (b"\0" + (MAX_MESSAGE + 1).to_bytes(4), "too-large"),
        (b"\0\xff\xff\xff\xff", "too-large"),
    ],
    ids=["compressed", "secret", "too-large", "huge"],
)
def test_what_cannot_be_judged_or_holds_a_secret_is_refused(sent: bytes, code: str) -> None:
    with pytest.raises(UploadRefused) as refused:
        conversation()(sent)
    assert refused.value.denial.code == code


def test_a_rest_that_is_no_whole_message_is_judged_before_it_leaves() -> None:
    talk = conversation()
    assert talk(framed(b"0123456789")[:9]) == []
    assert talk(b"") == [framed(b"0123456789")[:9]]
    talk = conversation()
    assert talk(framed(SECRET + b"....")[:-2]) == []
    with pytest.raises(UploadRefused):
        talk(b"")


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/grpc", True),
        ("Application/gRPC+proto; x=1", True),
        ("application/grpc-web", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_the_content_type_tells(content_type: str, expected: bool) -> None:
    assert is_grpc(content_type) is expected
