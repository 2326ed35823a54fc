"""Make ledger rows of what a response told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from botbottle.meter.batches import BatchItem, bounded
from botbottle.meter.call import Call, Dialect
from botbottle.meter.hosts import AZURE, BEDROCK, CLAUDE, CODEX, GEMINI
from botbottle.meter.request import Request
from botbottle.meter.tally import Tally
from botbottle.model.usage import Completeness, Exchange, Tokens

Clock = Callable[[], float]  # seconds since the epoch

# Providers whose response ids are unique. Others number them from a small range (Ollama's /v1
# draws from 0..999), so a short id of theirs is completed with the sidecar's own.
UNIQUE_IDS = frozenset({CLAUDE, CODEX, GEMINI, AZURE, BEDROCK})
LONG_ID = 20
# How often the running estimate was over the truth at the most, in halves: docs/metering.md.
ESTIMATE_OVER = 5
UNKNOWN_SIZE = "batch of unknown size"
AWAITED = "batch; final with its results"
UNNAMED = "batch that told no id"
MAX_TEXT = 256  # characters of an id or model that reach the ledger


def _clip(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:MAX_TEXT])


@dataclass(frozen=True, slots=True)
class Rows:
    """Builds the rows of one request."""

    call: Call
    request: Request
    clock: Clock
    header_id: str = ""

    def row_id(self, tally: Tally) -> str:
        """The provider's id where it is unique, else one made with the sidecar's request id."""
        own = tally.response_id
        if not own:
            return _clip(self.header_id or self.request.request_id)
        known = self.call.dialect is not Dialect.UNKNOWN  # else "id" may name anything
        if known and (self.call.provider in UNIQUE_IDS or len(own) >= LONG_ID):
            return _clip(own)
        return _clip(f"{own}#{self.request.request_id}")

    def exchange(
        self, tally: Tally, tokens: Tokens, completeness: Completeness, note: str = ""
    ) -> Exchange:
        """One row."""
        model = tally.model or self.request.model or self.call.model
        return self._row(self.row_id(tally), model, tokens, completeness, note)

    def all_of(self, tally: Tally, completeness: Completeness, note: str = "") -> list[Exchange]:
        """The row of the response and those of other models that worked for it."""
        rows = [self.exchange(tally, tally.tokens, completeness, note)]
        for side in tally.sides:
            row_id = f"{rows[0].response_id}:{side.suffix}"
            rows.append(self._row(row_id, side.model, side.tokens, completeness, note))
        return rows

    def _row(
        self, row_id: str, model: str, tokens: Tokens, completeness: Completeness, note: str
    ) -> Exchange:
        return Exchange(
            provider=self.call.provider,
            dialect=self.call.dialect.value,
            model=_clip(model),
            host=self.call.host,
            response_id=row_id,
            tokens=tokens,
            completeness=completeness,
            at=self.clock(),
            note=_clip(note),
        )

    def interrupted(self, tally: Tally, completeness: Completeness, note: str) -> list[Exchange]:
        """Rows of a response without its final numbers: known input, estimated output."""
        tokens, guessed = self.so_far(tally), not tally.input_known
        note = f"{note}; input estimated" if guessed else note
        rows = self.all_of(tally, completeness, note)
        return [self.exchange(tally, tokens, completeness, note), *rows[1:]]

    def created(self, tally: Tally, most: int | None = None) -> list[Exchange]:
        """Rows of a batch whose creation was sent; not many more than ``most``. ``tally`` holds
        the batch's id, if it is known."""
        items = self.request.batch
        if not items:
            tally.thought(self.request.allowance)
            return self.interrupted(tally, Completeness.ESTIMATED, UNKNOWN_SIZE)
        name = tally.response_id or self.request.request_id
        note = AWAITED if tally.response_id else UNNAMED
        some = items if most is None else bounded(items, most)
        return [self._awaited(item, f"{name}/{item.custom_id}", note) for item in some]

    def _awaited(self, item: BatchItem, name: str, note: str) -> Exchange:
        tokens = Tokens(input_uncached=item.input_estimate, output=item.allowance)
        told = Tally(response_id=name, model=item.model)
        return self.exchange(told, tokens, Completeness.PARTIAL, note)

    def exact(self, tally: Tally) -> bool:
        """Whether the numbers in hand are final. With several choices the first one that ends
        may bring numbers while the others go on."""
        return tally.complete and self.request.choices == 1

    def so_far(self, tally: Tally) -> Tokens:
        """Tokens this response has cost up to now, as far as anyone can tell."""
        known = tally.tokens
        output = known.output if self.exact(tally) else self._output(tally)
        if tally.input_known:
            return Tokens(
                known.input_uncached, known.cache_read, known.cache_write_5m,
                known.cache_write_1h, output, min(known.reasoning, output),
            )  # fmt: skip
        return Tokens(input_uncached=self.request.input_estimate, output=output)

    def _output(self, tally: Tally) -> int:
        """The estimate, where it can be true: a provider that was told a limit stops there. Only
        more than the estimate's error allows for shows that this one does not."""
        guess, bound = tally.output_estimate, self.request.bound
        if bound < guess <= bound * ESTIMATE_OVER // 2:
            return max(bound, tally.tokens.output)
        return guess
