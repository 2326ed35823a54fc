"""What an HTTP/2 connection keeps is known at once, whatever is done to it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.proxy.layers.http._http_h2 import SendH2Data

from botbottle.sidecar.egress.kept import Buffers

STREAMS = st.integers(1, 4)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "back", "take", "move", "drop", "delete", "clear", "look"]),
        STREAMS,
        st.integers(0, 5),
    ),
    max_size=60,
)


def step(buffers: Buffers, what: str, stream: int, size: int) -> None:
    piece = SendH2Data(b"x" * size, False)
    if what == "append":
        buffers[stream].append(piece)
    elif what == "back":
        buffers[stream].appendleft(piece)
    elif what == "look":
        assert bool(buffers[stream]) is (len(buffers[stream]) > 0)
    elif what == "clear":
        buffers.clear()
    elif what == "drop":
        buffers.pop(stream, None)
    elif stream in buffers and what == "move":
        buffers[stream] = buffers.pop(stream)
    elif stream in buffers and what == "delete":
        del buffers[stream]
    elif buffers.get(stream) and what == "take":
        buffers[stream].popleft()


@given(STEPS)
def test_the_sizes_are_those_of_the_pieces(steps: list[tuple[str, int, int]]) -> None:
    buffers = Buffers()
    for each in steps:
        step(buffers, *each)
        sizes = {s: sum(len(p.data) for p in pieces) for s, pieces in buffers.items()}
        assert {s: pieces.size for s, pieces in buffers.items()} == sizes
        assert buffers.size == sum(sizes.values())
