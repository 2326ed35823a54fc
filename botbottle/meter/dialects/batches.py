"""Batch results: JSON lines, each the usage of one request of the batch.

Results may be downloaded many times, so a row's id is made of the batch and the request in it
(Anthropic: batch id from the path and ``custom_id``; OpenAI: the file's id from the path and the
line's own ``batch_req`` id). Anybody can upload a file that looks like OpenAI's results: no line
of one may have the id of a response, whose row it would correct.
"""

from __future__ import annotations

from typing import Any

from botbottle.meter.dialects.anthropic import AnthropicReader
from botbottle.meter.dialects.openai_usage import is_usage, to_tokens
from botbottle.meter.paths import last_but
from botbottle.meter.tally import Tally, as_dict, as_str

UNBILLED = frozenset({"errored", "canceled", "expired"})


class AnthropicBatchReader:
    """One row a line of ``/v1/messages/batches/{id}/results``."""

    def __init__(self, path: str) -> None:
        self._batch = last_but(path, "results")
        self.tally = Tally()

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Each line is terminal for its own row. What did not succeed costs nothing ("you are not
        billed for" it: Anthropic's guide to batches)."""
        result = as_dict(doc.get("result"))
        message, kind = as_dict(result.get("message")), as_str(result.get("type"))
        if message:
            reader = AnthropicReader()
            reader.read("", {**message, "type": "message"})
            self.tally = reader.tally
        elif kind in UNBILLED:
            self.tally = Tally(input_known=True, complete=True, failed=kind)
        else:
            if doc.get("type") == "message_batch":  # the answer to creating one
                self.tally.response_id = as_str(doc.get("id"))
            return False
        self.tally.response_id = f"{self._batch}/{as_str(doc.get('custom_id'))}"
        return self.tally.complete


class OpenAIBatchReader:
    """One row a line of a batch output file; lines of any other file tell nothing."""

    def __init__(self, path: str) -> None:
        self._file = last_but(path, "content")
        self.tally = Tally()

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Each line whose response has usage is terminal for its own row."""
        if doc.get("object") == "batch":  # the answer to creating one
            self.tally.response_id = as_str(doc.get("id"))
            return False
        body = as_dict(as_dict(doc.get("response")).get("body"))
        usage = as_dict(body.get("usage"))
        if "custom_id" not in doc or not is_usage(usage):
            return False
        line = as_str(doc.get("id")) or as_str(doc["custom_id"])
        self.tally = Tally(
            response_id=f"file:{self._file}/{line}",
            model=as_str(body.get("model")),
            tokens=to_tokens(usage),
            input_known=True,
            complete=True,
        )
        return True
