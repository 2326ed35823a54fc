"""Content decoding: everything at once, nothing unbounded."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import brotli
import pytest
import zstandard

from botbottle.meter.decode import PIECE, ContentDecoder, Undecodable, decode_all

TEXT = b"".join(b'data: {"n":%d}\n\n' % n for n in range(20_000))
BOMB = bytes(80 * 1024 * 1024)


def _all(encoding: str, *chunks: bytes) -> bytes:
    decoder = ContentDecoder(encoding)
    return b"".join(piece for chunk in chunks for piece in decoder.feed(chunk))


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    return {
        "gzip": gzip.compress(BOMB, 9),
        "deflate": zlib.compress(BOMB, 9),
        "br": brotli.compress(BOMB, quality=5),
        "zstd": zstandard.compress(BOMB),
        "gzip, gzip": gzip.compress(gzip.compress(BOMB)),
    }


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_a_bomb_is_refused_in_little_memory(bombs: dict[str, bytes], encoding: str) -> None:
    decoder, largest = ContentDecoder(encoding), 0
    tracemalloc.start()
    with pytest.raises(Undecodable, match="bomb"):
        for piece in decoder.feed(bombs[encoding]):
            largest = max(largest, len(piece))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert largest <= PIECE * 2
    assert peak < 20 * 1024 * 1024


def test_honest_text_that_packs_very_well_is_not_a_bomb() -> None:
    body = b'data: {"a":"aaaaaaaaaaaaaaaa"}\n\n' * 30_000
    assert _all("gzip", gzip.compress(body)) == body


def test_encodings_are_undone_in_reverse_order() -> None:
    assert _all("gzip, br", brotli.compress(gzip.compress(TEXT))) == TEXT
    with pytest.raises(Undecodable):
        _all("br, gzip", brotli.compress(gzip.compress(TEXT)))


@pytest.mark.parametrize("encoding", ["compress", "dcb", "gzip;q=1", "gzip, gzip, gzip, gzip"])
def test_what_cannot_be_decoded_is_refused_at_the_start(encoding: str) -> None:
    with pytest.raises(Undecodable):
        ContentDecoder(encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_damaged_data_is_refused(encoding: str) -> None:
    with pytest.raises(Undecodable):
        _all(encoding, b"\xff\x00 this is no compressed data at all" * 9)


def test_gzip_members_padded_with_zeros_are_all_read() -> None:
    body = gzip.compress(b"one ") + b"\0" * 8 + gzip.compress(b"two")
    assert _all("gzip", *(body[at : at + 1] for at in range(len(body)))) == b"one two"


def test_a_zstd_frame_with_a_window_over_8_mib_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    big = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(Undecodable):
        _all("zstd", big.compress(TEXT * 9) + big.flush())


def test_a_whole_body_is_bounded() -> None:
    packed = zstandard.compress(TEXT)
    assert decode_all(packed, "zstd", len(TEXT)) == TEXT
    with pytest.raises(Undecodable, match="over the limit"):
        decode_all(packed, "zstd", len(TEXT) - 1)
