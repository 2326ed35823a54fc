"""Whatever order things happen in, a request's lease goes back once, and a cut ends what crossed.

A history mixes what the provider sends, what the ledger answers and when, what people order, how
the exchange ends, and turns of the event loop: several things may happen within one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from botbottle.ledger.records import Admitted, Progress
from botbottle.meter import Conversations, Reason
from botbottle.model.usage import Completeness, Exchange, Tokens
from botbottle.sidecar.egress.gate import LedgerDown, NoLedger
from botbottle.sidecar.egress.spend import PATIENCE, Spend
from tests.meter.events import MESSAGE_STOP, message_delta, message_start, sse, text_delta
from tests.meter.helpers import call, request
from tests.meter.places import CLAUDE

LEASE, INPUT = "lease", 50
ENDS = {
    "client": Reason.CLIENT_GONE,
    "upstream": Reason.UPSTREAM_FAILED,
    "complete": Reason.COMPLETE,
    "shutdown": Reason.SHUTDOWN,
}


class Pool(NoLedger):
    """One pool with a limit, as the gate of the ledger service judges it. An answer is made when
    it is asked for and handed over when the history says so."""

    def __init__(self, limit: int, *, prompt: bool) -> None:
        self.limit, self.prompt = limit, prompt
        self.spent = 0
        self.held = self.down = False
        self.rows: list[Exchange] = []
        self.back: list[str] = []
        self.asked: list[asyncio.Future[Progress]] = []

    def judged(self, used: int) -> Progress:
        if self.held:
            return Progress(True, 0, "held")
        room = self.limit - self.spent - used
        return Progress(room <= 0, room, "budget-exhausted" if room <= 0 else "")

    async def progress(self, lease: str, tokens: Tokens) -> Progress:
        assert lease == LEASE and not self.back, "a report on a lease that went back"
        if self.down:
            raise LedgerDown("gone")
        answer = self.judged(tokens.total)
        if self.prompt:
            return answer
        waiting: asyncio.Future[Progress] = asyncio.get_running_loop().create_future()
        self.asked.append(waiting)
        await waiting
        return answer

    def hand_over(self) -> None:
        for waiting in self.asked:
            if not waiting.done():
                waiting.set_result(Progress(False))

    def settle(self, lease: str, exchanges: Sequence[Exchange]) -> None:
        self.rows += exchanges
        self.spent += sum(e.tokens.total for e in exchanges)
        self.release(lease)

    def release(self, lease: str) -> None:
        if lease:
            self.back.append(lease)


class History:
    """One request, from its admission on."""

    def __init__(self, limit: int, *, prompt: bool) -> None:
        self.pool, self.cuts = Pool(limit, prompt=prompt), 0
        self.vouched, self.ended, self.chunks_beyond = True, False, 0
        where = call(CLAUDE)
        reserved = min(limit, 300)
        admitted = Admitted(LEASE, 0.0, reserved, limit - reserved)
        self.spend = Spend(self.pool, where, request(where), admitted, self.cut)
        self.spend.sending()
        self.spend.responding(200, {"content-type": "text/event-stream"}, Conversations())
        self.passes(sse(message_start(input_tokens=INPUT, output_tokens=1)))

    def cut(self) -> None:
        assert not self.pool.back, "a request that is over was cut"
        self.cuts += 1
        self.spend.close(Reason.UPSTREAM_FAILED)

    def passes(self, chunk: bytes) -> None:
        if not self.pool.back:
            self.spend.feed(chunk)

    # -- what may happen ------------------------------------------------------------------------
    def text(self, tokens: int) -> None:
        self.passes(sse(text_delta("xxxxxxx" * (tokens // 2 + 1))))

    def numbers(self, tokens: int) -> None:
        self.passes(sse(message_delta(output_tokens=tokens)))

    def stop(self, _tokens: int) -> None:
        self.passes(sse(MESSAGE_STOP))

    def lost(self, _tokens: int) -> None:
        self.vouched = False
        self.spend.cut()

    def hold(self, _tokens: int) -> None:
        self.pool.held, self.vouched = True, False

    def down(self, _tokens: int) -> None:
        self.pool.down, self.vouched = True, False

    def answers(self, _tokens: int) -> None:
        self.pool.hand_over()


STEPS: dict[str, Callable[[History, int], None]] = {
    "text": History.text,
    "numbers": History.numbers,
    "stop": History.stop,
    "lost": History.lost,
    "hold": History.hold,
    "down": History.down,
    "answers": History.answers,
}
PROVIDER = ["text"] * 6 + ["numbers", "stop"] + ["turn"] * 4 + ["answers"] * 2
ANYTHING = [*PROVIDER, "lost", "hold", "down", *ENDS]


def histories(names: list[str]) -> st.SearchStrategy[list[tuple[str, int]]]:
    step = st.tuples(st.sampled_from(names), st.integers(0, 400))
    return st.lists(step, max_size=25)


def live(limit: int, steps: list[tuple[str, int]], *, prompt: bool) -> History:
    """A whole history; whatever it left open is ended."""

    async def whole() -> History:
        it = History(limit, prompt=prompt)
        for name, tokens in steps:
            if name == "turn":
                await asyncio.sleep(0)
            elif name in ENDS:
                it.spend.close(ENDS[name])
            else:
                STEPS[name](it, tokens)
        it.pool.hand_over()
        for _ in range(4):
            await asyncio.sleep(0)
        it.spend.close(Reason.CLIENT_GONE)
        for _ in range(4):
            await asyncio.sleep(0)
        return it

    return asyncio.run(whole())


@settings(deadline=None)
@given(st.integers(100, 2_000), histories(ANYTHING), st.booleans())
def test_the_lease_goes_back_once_with_one_row(
    limit: int, steps: list[tuple[str, int]], prompt: bool
) -> None:
    it = live(limit, steps, prompt=prompt)
    assert it.pool.back == [LEASE]
    assert len(it.pool.rows) == 1
    assert it.cuts <= 1 and it.spend.was_cut == bool(it.cuts)


@settings(deadline=None)
@given(st.integers(100, 2_000), histories(PROVIDER), st.booleans())
def test_after_a_cut_nothing_is_left_to_admit_another_request(
    limit: int, steps: list[tuple[str, int]], prompt: bool
) -> None:
    it = live(limit, steps, prompt=prompt)
    if it.cuts:
        assert it.pool.spent >= limit, "cut, and the next request would be admitted"


@settings(deadline=None)
@given(histories([*PROVIDER, *ENDS]), st.booleans())
def test_with_room_enough_nothing_is_cut(steps: list[tuple[str, int]], prompt: bool) -> None:
    assert live(10**6, steps, prompt=prompt).cuts == 0


@settings(deadline=None)
@given(st.integers(100, 2_000), histories(["text", "numbers", "lost", "hold", "down"]))
def test_a_response_that_ends_within_the_turn_is_never_cut(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    """Chunks of one read are one turn, whatever was decided on the way."""
    it = live(limit, [*steps, ("numbers", 7), ("stop", 0)], prompt=True)
    (row,) = it.pool.rows
    assert (it.cuts, row.completeness, row.note) == (0, Completeness.FINAL, "")
    assert row.tokens.total == INPUT + 7


@settings(deadline=None)
@given(
    st.integers(100, 1_500),
    st.lists(st.integers(1, 200), min_size=25, max_size=25),
    st.booleans(),
)
def test_a_stream_that_goes_on_is_cut_soon_after_it_crossed(
    limit: int, sizes: list[int], prompt: bool
) -> None:
    """With a turn after each chunk, whether or not the ledger ever answers."""
    steps = [step for size in sizes for step in (("text", size), ("turn", 0), ("turn", 0))]
    it = live(limit, steps, prompt=prompt)
    most = 2 * (max(sizes) // 2 + 1) * (PATIENCE + 1)
    assert it.pool.spent <= limit + most
    if INPUT + sum(sizes) > limit + most:
        assert it.cuts == 1


@settings(deadline=None)
@given(st.integers(100, 2_000), histories(PROVIDER), st.sampled_from(["lost", "hold", "down"]))
def test_a_request_that_nobody_vouches_for_ends_at_its_next_report(
    limit: int, steps: list[tuple[str, int]], how: str
) -> None:
    more = [("text", 400), ("turn", 0), ("turn", 0)] * 3
    it = live(limit, [*steps, (how, 0), *more], prompt=True)
    ended = any(name == "stop" for name, _ in steps)
    assert it.cuts == 1 or ended
