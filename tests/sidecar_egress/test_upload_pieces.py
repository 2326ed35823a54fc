"""A secret in pieces: over uploads that pass while they arrive, and over these and others."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from botbottle.dlp import OUTBOUND, Scanner
from botbottle.model.route import Route
from botbottle.sidecar.egress.gate import Ledger
from botbottle.sidecar.egress.grpc import Conversation
from botbottle.sidecar.egress.passing import Passing, UploadRefused
from botbottle.sidecar.egress.scan import OutboundScan, Outgoing
from botbottle.sidecar.egress.upload import Upload

HELD = b"q7Zr2Kx9VbT4mPw8Ld3HsNf6YcJg1XeA5uRk0QzM"
NEXT = b"Ww3nJ8sLq0Zb5Xc7Rf2Tg9Vh4Yk6Mp1Dd0Ee8Aa7"
SCANNER = Scanner({"T": HELD}, key=b"k")
PIECES = (HELD[:12], HELD[12:24], HELD[24:36])
FILL = b"an ordinary text that is no secret. " * 4000


class Bottle:
    """The outbound stage of one sidecar, with all ways that a body may leave."""

    def __init__(self) -> None:
        self.stage = OutboundScan(cast(Ledger, None))

    def passes(self, kind: type[Upload | Conversation], text: bytes, host: str = "a") -> bool:
        prefix = b"" if kind is Upload else b"\0" + len(text).to_bytes(4)
        memory = self.stage.memory
        body = Passing(kind(SCANNER, OUTBOUND, tuple, lambda _found: None, memory, host))
        try:
            return b"".join((*body(prefix + text), *body(b""))) == prefix + text
        except UploadRefused:
            return False

    def sends(self, text: bytes) -> bool:
        message = Outgoing("https://a/", (), text)
        verdict = self.stage.judge(SCANNER, Route("a"), message, supervised=False)
        return asyncio.run(verdict).denial is None


@pytest.mark.parametrize("kind", [Upload, Conversation])
def test_pieces_in_several_bodies_are_put_together(kind: type[Upload | Conversation]) -> None:
    bottle = Bottle()
    assert [bottle.passes(kind, FILL + piece) for piece in PIECES] == [True, False, False]
    other = Bottle()
    assert [other.passes(kind, FILL + PIECES[0]) for _ in range(3)] == [True] * 3, "one piece"
    assert [other.passes(kind, FILL) for _ in range(3)] == [True] * 3


@pytest.mark.parametrize("kind", [Upload, Conversation])
def test_and_with_pieces_in_requests_that_are_kept_whole(kind: type[Upload | Conversation]) -> None:
    bottle = Bottle()
    assert bottle.sends(PIECES[0]) and not bottle.passes(kind, FILL + PIECES[1])
    bottle = Bottle()
    assert bottle.passes(kind, FILL + PIECES[0]) and not bottle.sends(PIECES[1])
    bottle = Bottle()
    assert bottle.passes(kind, PIECES[0], "another host") and bottle.sends(PIECES[1])


def test_and_those_that_are_far_apart_in_one() -> None:
    assert not Bottle().passes(Upload, FILL.join(PIECES))
    assert Bottle().passes(Upload, FILL.join((PIECES[0], PIECES[0], b"")))


@pytest.mark.parametrize("kind", [Upload, Conversation])
def test_pieces_of_a_value_are_none_of_its_successor(kind: type[Upload | Conversation]) -> None:
    fresh = Scanner({"T": NEXT}, key=b"k")
    bottle = Bottle()
    memory = bottle.stage.memory
    upload = Passing(kind(SCANNER, OUTBOUND, tuple, lambda _found: None, memory, "a"))
    assert bottle.passes(kind, FILL + PIECES[0])
    upload.renew(fresh)
    assert upload(b"\0\0\0\0\x0c" + NEXT[12:24]) is not None
    with pytest.raises(UploadRefused):
        upload(b"\0\0\0\0\x0c" + NEXT[:12])
        upload(b"")
