"""gRPC messages on their way up, judged one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.dlp import OUTBOUND, Finding, Scanner
from botbottle.dlp.engines.base import Buffer
from botbottle.sidecar.egress.grpc import (
    AROUND,
    FREE,
    MAX_MESSAGE,
    SLICE,
    TIMES,
    Conversation,
    is_grpc,
)
from botbottle.sidecar.egress.passing import Passing, UploadRefused

SECRET = b"real-secret-value-0123"
SCANNER = Scanner({"T": SECRET}, key=b"k")


# Bytes that framing may mistake for its own, and no beginning of an archive, which is a finding.
PLAIN = st.text("\0\1\5a", max_size=300).map(str.encode)


def framed(text: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(text).to_bytes(4) + text


def conversation(scanner: Scanner = SCANNER) -> Passing:
    return Passing(Conversation(scanner, OUTBOUND, tuple, lambda found: None))


@settings(max_examples=60, deadline=None)
@given(st.lists(PLAIN, max_size=8), st.integers(1, 400))
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


NONE = Scanner({}, key=b"k")
LARGE = 4 * (SLICE + AROUND)
RENEWED = pytest.mark.parametrize("renewed", [False, True])


@RENEWED
@pytest.mark.parametrize("at", [0, SLICE, LARGE // 2])
@pytest.mark.parametrize("whole", [False, True], ids=["its end is missing", "it becomes whole"])
def test_what_was_judged_ahead_is_judged_anew_when_a_secret_is_delivered(
    renewed: bool, at: int, whole: bool
) -> None:
    """What was before it has left, maybe with the beginning of the secret: all but one byte."""
    before, text = SECRET[: -1 if at == 0 else 0], bytearray(b"x y " * (LARGE // 4))
    text[at : at + len(SECRET) - len(before)] = SECRET[len(before) :]
    talk, rest = conversation(NONE), framed(bytes(text))
    left = b"".join(talk(framed(before) + rest[:-7]))
    assert left == framed(before)
    if renewed:
        talk.renew(SCANNER)
    last = partial(talk, rest[-7:]) if whole else partial(talk, b"")
    if renewed:
        with pytest.raises(UploadRefused):
            last()
        return
    assert b"".join(last()) == (rest if whole else rest[:-7])


def test_being_judged_anew_costs_nothing_of_what_may_be_looked_at() -> None:
    body = framed(b"x y " * (LARGE // 4))
    inner = Conversation(NONE, OUTBOUND, tuple, lambda found: None)
    talk = Passing(inner)
    talk(body[:-1])
    for _ in range(FREE // LARGE * 4):
        talk.renew(Scanner({}, key=b"k"))
        inner.judge_anew()
    assert b"".join(talk(body[-1:])) == body


def test_a_rest_that_is_no_whole_message_is_judged_before_it_leaves() -> None:
    talk = conversation()
    assert talk(framed(b"0123456789")[:9]) == []
    assert talk(b"") == [framed(b"0123456789")[:9]]
    talk = conversation()
    assert talk(framed(SECRET + b"....")[:-2]) == []
    with pytest.raises(UploadRefused):
        talk(b"")


class Counting(Scanner):
    """A scanner that knows how much it was given, scan by scan; glances apart."""

    def __init__(self) -> None:
        super().__init__({"T": SECRET}, key=b"k")
        self.sizes: list[int] = []
        self.glances: list[int] = []
        self.own = self.limits

    def scan(self, surface: Buffer, location: str = "body", **options: Any) -> tuple[Finding, ...]:
        (self.sizes if self.limits is self.own else self.glances).append(len(surface))
        return super().scan(surface, location, **options)


def test_messages_of_one_chunk_are_judged_together_and_empty_ones_not_at_all() -> None:
    scanner = Counting()
    talk = conversation(scanner)
    talk(framed(b"x" * 100) * 100)
    assert scanner.sizes == [10_000]
    assert talk(framed(b"") * 100) == [framed(b"") * 100]
    for _ in range(100):
        assert talk(framed(b"")) == [framed(b"")]
    assert scanner.sizes == [10_000]


def test_what_was_too_much_for_a_glance_is_not_tried_again_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("botbottle.sidecar.egress.grpc.settled", lambda found: False)
    scanner = Counting()
    talk = conversation(scanner)
    for _ in range(50):
        talk(framed(b"more"))
    assert len(scanner.sizes) == 50 and len(scanner.glances) == 1
    talk(framed(b"x" * AROUND))
    talk(framed(b"more"))
    assert len(scanner.sizes) == 52 and len(scanner.glances) == 2, "what it was is out of sight"


def test_a_little_text_is_looked_at_once_under_the_bounds_of_a_glance() -> None:
    scanner = Counting()
    talk = conversation(scanner)
    for at in range(400):
        talk(framed(b"word number %d of these, " % at))
    assert scanner.sizes == [] and len(scanner.glances) == 400
    talk(framed(b"a large one has these words. " * 200))
    assert len(scanner.sizes) == 1 and len(scanner.glances) == 400


def test_judging_tiny_messages_is_bounded_by_what_arrives() -> None:
    scanner, received = Counting(), 0
    talk = conversation(scanner)
    with pytest.raises(UploadRefused) as refused:
        for _ in range(20_000):
            received += 6
            talk(framed(b"x"))
    assert refused.value.denial.code == "dlp"
    assert sum(scanner.sizes) <= FREE + TIMES * received
    # The control: messages of an ordinary size go on for ever.
    inner = Conversation(SCANNER, OUTBOUND, tuple, lambda found: None)
    inner._texts.allowance = TIMES * 1024
    talk = Passing(inner)
    for _ in range(2000):
        talk(framed(b"%50d" % 1))


def test_a_large_message_is_judged_in_steps_and_leaves_whole() -> None:
    scanner = Counting()
    talk = conversation(scanner)
    body = framed(b"ordinary text, nobody's secret. " * 30_000)
    left = [out for at in range(0, len(body), 50_000) for out in talk(body[at : at + 50_000])]
    assert left == [body]
    assert len(scanner.sizes) > 10
    assert max(scanner.sizes) <= SLICE + 2 * AROUND


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 300_000), st.integers(1, 90_000))
def test_a_secret_anywhere_in_a_large_message_keeps_all_of_it(at: int, size: int) -> None:
    text = b"ordinary text, nobody's secret. " * 10_000
    body = framed(text[:at] + b" " + SECRET + b" " + text[at:])
    talk, left = conversation(), b""
    with pytest.raises(UploadRefused):
        for start in range(0, len(body), size):
            left += b"".join(talk(body[start : start + size]))
    assert left == b""


def test_a_finding_that_may_pass_is_reported_once() -> None:
    told: list[Finding] = []

    def allow(found: Iterable[Finding]) -> tuple[Finding, ...]:
        return tuple(replace(f, allowed="a test") for f in found)

    talk = Passing(Conversation(SCANNER, OUTBOUND, allow, told.extend))
    for _ in range(50):
        talk(framed(b"note " + SECRET.hex().encode() + b" " + SECRET + b" "))
    marks = [(f.rule, f.location, f.fingerprint) for f in told]
    assert len(marks) == len(set(marks)) > 0


def test_a_rest_shorter_than_a_prefix_is_judged() -> None:
    talk = conversation()
    talk(framed(SECRET[:-3]))
    assert talk(b"\0\0") == []
    talk = conversation()
    talk(framed(SECRET[:-3]) + SECRET[-3:])
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
