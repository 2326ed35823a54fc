"""Cuts, stalls, errors, splits and codings: what was sent is what the truth says."""

from __future__ import annotations

import gzip
import hashlib
import time
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import httpx
import pytest
import zstandard

from tests.test_world.decode import messages_usage, sse, sse_json
from tests.world import World

PATH = "/v1/messages"
BODY: dict[str, Any] = {"model": "m", "messages": [], "stream": True}


def only(world: World, settle: float = 3.0) -> dict[str, Any]:
    """The single request of the test."""
    (found,) = world.requests(settle_seconds=settle)
    return found


@pytest.mark.parametrize("coding", ["identity", "gzip", "br", "zstd", "deflate"])
def test_the_accepted_coding_is_used_and_decodes(
    world: World, client: httpx.Client, coding: str
) -> None:
    answer = client.post(PATH, json=BODY, headers={"accept-encoding": coding})
    assert answer.headers.get("content-encoding", "identity") == coding
    truth = only(world)
    assert truth["coding"] == coding
    assert messages_usage(sse_json(answer.text)) == truth["reported"]


def raw_body(client: httpx.Client, **headers: str) -> tuple[bytes, httpx.Response]:
    """The body as it came over the wire."""
    with client.stream("POST", PATH, json=BODY, headers=headers) as answer:
        return b"".join(answer.iter_raw()), answer


DECODERS = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "raw-deflate": lambda raw: zlib.decompress(raw, -15),
    "br": brotli.decompress,
    "zstd": lambda raw: zstandard.ZstdDecompressor().decompressobj().decompress(raw),
}


@pytest.mark.parametrize("coding", DECODERS)
def test_a_script_forces_a_coding_whatever_the_client_accepts(
    world: World, client: httpx.Client, coding: str
) -> None:
    world.script(encoding=coding)
    raw, answer = raw_body(client, **{"accept-encoding": "identity"})
    assert answer.headers["content-encoding"] == coding.removeprefix("raw-")
    plain = DECODERS[coding](raw).decode()
    assert sse(plain)[-1][0] == "message_stop"
    truth = only(world)
    assert truth["sent_sha256"] == hashlib.sha256(raw).hexdigest()
    assert truth["bytes_sent"] == len(raw)


INCREMENTAL: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}


@pytest.mark.parametrize("coding", INCREMENTAL)
def test_every_event_is_decodable_as_soon_as_it_arrived(
    world: World, plain: httpx.Client, coding: str
) -> None:
    world.script(encoding=coding, events=4, delay=0.08)
    decode = INCREMENTAL[coding]()
    times: dict[str, float] = {}
    with plain.stream("POST", PATH, json=BODY) as answer:
        for piece in answer.iter_raw():
            for name, _ in sse(decode(piece).decode()):
                times.setdefault(name, time.monotonic())
    assert times["message_stop"] - times["message_start"] > 0.3


def test_multi_member_gzip_and_multi_frame_zstd_are_really_many(
    world: World, plain: httpx.Client
) -> None:
    world.script(encoding="gzip", quirks=["multi_member"], times=1)
    world.script(encoding="zstd", quirks=["multi_member"], times=1)
    raw, _ = raw_body(plain)
    first = zlib.decompressobj(31)
    assert len(sse(first.decompress(raw).decode())) == 1
    assert first.unused_data
    assert sse(gzip.decompress(raw).decode())[-1][0] == "message_stop"
    raw, _ = raw_body(plain)
    whole = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(raw)
    assert len(zstandard.ZstdDecompressor().decompressobj().decompress(raw)) < len(whole)
    assert sse(whole.decode())[-1][0] == "message_stop"


def test_a_split_cuts_through_events_and_characters(world: World, plain: httpx.Client) -> None:
    world.script(split=7, text="漢字" * 20)
    with plain.stream("POST", PATH, json=BODY, headers={"accept-encoding": "identity"}) as answer:
        pieces = list(answer.iter_raw())
    assert max(map(len, pieces)) <= 7 * 3  # the client may see some writes together
    assert messages_usage(sse_json(b"".join(pieces).decode())) == only(world)["reported"]


def test_merged_events_arrive_together(world: World, plain: httpx.Client) -> None:
    world.script(merge=1000)
    body = plain.post(PATH, json=BODY).text
    truth = only(world)
    assert truth["events_sent"] == 1
    assert truth["last_event"] == "message_stop"
    assert messages_usage(sse_json(body)) == truth["reported"]


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_a_cut_ends_the_body_without_its_terminator(
    world: World, client: httpx.Client, how: str
) -> None:
    world.script(cut_after=4, cut_bytes=10, cut_how=how, thinking="", usage={"output": 50})
    seen = b""
    with (
        pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)),
        client.stream("POST", PATH, json=BODY, headers={"accept-encoding": "identity"}) as answer,
    ):
        for piece in answer.iter_raw():
            seen += piece
    truth = only(world)
    assert (truth["outcome"], truth["events_sent"], truth["terminal_sent"]) == ("cut", 4, False)
    names = [name for name, _ in sse(seen.decode())]
    assert names[0] == "message_start"
    assert truth["last_event"] == "content_block_delta"
    assert truth["billed"]["output"] == 50
    assert truth["reported"]["output"] == 3, "only the placeholder of message_start passed"
    assert truth["reported"]["input_uncached"] == truth["billed"]["input_uncached"]


def test_a_cut_after_the_last_event_still_lacks_the_end_of_the_body(
    world: World, plain: httpx.Client
) -> None:
    world.script(events=1, thinking="", cut_after=7)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        plain.post(PATH, json=BODY)
    truth = only(world)
    assert (truth["outcome"], truth["terminal_sent"]) == ("cut", True)


def test_a_mid_stream_error_is_an_event_on_status_200(world: World, client: httpx.Client) -> None:
    world.script(error_after=3, error={"type": "overloaded_error", "message": "too busy"})
    answer = client.post(PATH, json=BODY)
    assert answer.status_code == 200
    assert sse_json(answer.text)[-1] == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "too busy"},
    }
    truth = only(world)
    assert (truth["outcome"], truth["last_event"], truth["terminal_sent"]) == (
        "error_event",
        "error",
        False,
    )


def test_a_stall_is_silence_and_then_the_end(world: World, plain: httpx.Client) -> None:
    world.script(stall_after=2, stall=0.3)
    began = time.monotonic()
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        plain.post(PATH, json=BODY)
    assert time.monotonic() - began >= 0.3
    assert only(world)["outcome"] == "stalled"


def test_a_client_that_leaves_is_noticed_at_once(world: World, client: httpx.Client) -> None:
    world.script(delay=0.2, events=50, usage={"output": 500})
    with client.stream("POST", PATH, json=BODY, headers={"accept-encoding": "identity"}) as answer:
        next(answer.iter_raw())
    client.close()
    truth = only(world)
    assert truth["outcome"] == "client_gone"
    assert truth["events_sent"] < 20
    assert truth["billed"]["output"] == 500, "the provider bills what it made"


def test_a_reader_that_gives_up_is_noticed_even_during_silence(
    world: World, plain: httpx.Client
) -> None:
    world.script(stall_after=2, stall=30)
    with plain.stream("POST", PATH, json=BODY, headers={"accept-encoding": "identity"}) as answer:
        next(answer.iter_raw())
    assert only(world, settle=5)["outcome"] == "client_gone"


def test_delays_pace_the_events(world: World, plain: httpx.Client) -> None:
    world.script(first_delay=0.2, delay=0.05, events=4, thinking="")
    began = time.monotonic()
    plain.post(PATH, json=BODY)
    assert time.monotonic() - began >= 0.2 + 8 * 0.05


def test_a_whole_answer_has_a_length_unless_chunked_is_asked(
    world: World, plain: httpx.Client
) -> None:
    whole = plain.post(PATH, json=BODY | {"stream": False}, headers={"accept-encoding": "identity"})
    assert int(whole.headers["content-length"]) == len(whole.content)
    world.script(chunked=True)
    other = plain.post(PATH, json=BODY | {"stream": False}, headers={"accept-encoding": "identity"})
    assert other.headers["transfer-encoding"] == "chunked"
    assert other.json()["usage"]
