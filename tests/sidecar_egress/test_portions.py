"""Frames that came together are cut where they end, and are all there."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.sidecar.egress.portions import ENOUGH, portions

HEADERS, DATA, PING = 1, 0, 6


@dataclass
class Begun:
    _data: bytearray = field(default_factory=bytearray)
    _preamble_len: int = 0


def frame(kind: int, size: int) -> bytes:
    return size.to_bytes(3) + bytes([kind, 0, 0, 0, 0, 1]) + b"z" * size


@given(
    st.lists(st.tuples(st.sampled_from([HEADERS, DATA, PING]), st.integers(0, 300)), max_size=120),
    st.integers(0, 24),
    st.data(),
)
def test_each_portion_ends_with_a_frame_and_nothing_is_lost(
    frames: list[tuple[int, int]], preface: int, draw: st.DataObject
) -> None:
    stream = b"".join(frame(*each) for each in frames)
    cut = draw.draw(st.integers(0, len(frame(*frames[0])) - 1)) if frames and not preface else 0
    data = b"P" * preface + stream[cut:]
    parts = list(portions(Begun(bytearray(stream[:cut]), preface), data))
    assert b"".join(parts) == data
    ends, at = set(), preface - cut
    for each in frames:
        at += len(frame(*each))
        ends.add(at)
    assert {len(b"".join(parts[: n + 1])) for n in range(len(parts) - 1)} <= ends


@pytest.mark.parametrize(
    ("one", "most"),
    [(frame(PING, 8), ENOUGH), (frame(HEADERS, 20), ENOUGH // 4), (frame(HEADERS, 2048), 1)],
    ids=["pings", "heads", "one byte for each of many fields"],
)
def test_portions_are_so_many_frames_as_are_work_enough(one: bytes, most: int) -> None:
    parts = list(portions(Begun(), one * 100))
    assert max(len(part) for part in parts) == most * len(one)


def test_a_large_body_stays_together() -> None:
    body = frame(DATA, 16384) * 15
    assert list(portions(Begun(), body)) == [body]


def test_a_frame_that_is_not_whole_yet_stays_at_the_end() -> None:
    data = frame(PING, 8) * 40 + frame(DATA, 16384)[:100]
    parts = list(portions(Begun(), data))
    assert [len(part) for part in parts] == [ENOUGH * 17, 8 * 17 + 100]
