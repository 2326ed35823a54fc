"""OpenAI Chat Completions and what is shaped like it: legacy completions, embeddings, images,
transcriptions, OpenRouter, Azure, vLLM, Ollama's ``/v1``, and any compatible host.

A stream tells usage in one chunk with ``choices: []`` after the chunk with ``finish_reason``, and
only when ``stream_options.include_usage`` was asked for. Some servers put cumulative usage into
every chunk, or into the finishing one, or send it twice: the last one counts, and what is written
after it is more. So a stream is over at ``[DONE]``, or at the end of the body.
"""

from __future__ import annotations

from typing import Any

from botbottle.meter import media
from botbottle.meter.dialects.openai_usage import is_usage, output_of, to_tokens
from botbottle.meter.leftover import strings
from botbottle.meter.lines import DONE, WHOLE
from botbottle.meter.tally import Tally, as_dict, as_list, as_str


class ChatReader:
    """Folds Chat documents into a tally."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._finished = False
        self._usage = self._drawn = False

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Fold in one document; ``[DONE]`` and a whole answer with usage are terminal."""
        tally = self.tally
        if event == DONE:
            tally.complete = self._fresh
            return self._fresh
        tally.response_id = as_str(doc.get("id")) or tally.response_id
        tally.model = as_str(doc.get("model")) or tally.model
        for choice in map(as_dict, as_list(doc.get("choices"))):
            self._choice(choice)
        self._finished = self._finished or event == WHOLE
        self._media(as_str(doc.get("type")), doc)
        self._take_usage(doc)
        self._failure(as_dict(doc.get("error")))
        tally.complete = self._finished and self._fresh
        return tally.complete and event == WHOLE

    @property
    def _fresh(self) -> bool:
        """Whether usage was told, and no output has come since."""
        return self._usage and self.tally.all_counted

    def _take_usage(self, doc: dict[str, Any]) -> None:
        # Groq's first streaming format kept usage in an extension object.
        usage = as_dict(doc.get("usage")) or as_dict(as_dict(doc.get("x_groq")).get("usage"))
        for choice in map(as_dict, as_list(doc.get("choices"))):  # Moonshot's, unless asked for
            usage = usage or as_dict(choice.get("usage"))
        if is_usage(usage):
            self._usage = self.tally.told(output_of(usage))
            self.tally.counted(to_tokens(usage))
            self.tally.input_known = self.tally.tokens.total_input > 0

    def _choice(self, choice: dict[str, Any]) -> None:
        if choice.get("finish_reason"):
            self._finished = True
        delta = as_dict(choice.get("delta"))
        pieces = [as_str(delta.get(k)) for k in ("content", "refusal", "reasoning_content")]
        if "reasoning_content" not in delta:
            pieces.append(as_str(delta.get("reasoning")))
        pieces.append(as_str(choice.get("text")))
        calls = delta.get("tool_calls"), delta.get("function_call"), delta.get("audio")
        if any(calls):
            pieces += strings([*calls])
        self.tally.wrote_any(pieces, delta)
        self.tally.showed(media.sound(as_str(as_dict(delta.get("audio")).get("data"))))

    def _media(self, kind: str, doc: dict[str, Any]) -> None:
        """Streams of transcriptions, speech and images are made of typed events."""
        if kind.endswith(".delta"):
            self.tally.wrote(as_str(doc.get("delta")))
        if weight := media.drawn(kind, self._drawn):
            self._drawn = True
            self.tally.showed(weight)
        self._finished = self._finished or kind.endswith((".done", ".completed"))

    def _failure(self, error: dict[str, Any]) -> None:
        if error:
            self.tally.failed = str(error.get("code") or error.get("type") or "error")[:64]
            self.tally.unbilled = not self._usage and not self.tally.deltas
