"""Results of Gemini's batches: inside the batch itself, or a file with a line for each.

``GET batches/ID`` answers an ``Operation`` whose ``response`` (and whose metadata's ``output``)
holds ``inlinedResponses.inlinedResponses``, "in the same order as the input requests": each has a
``response`` or an ``error``, under the number that it had in the request. ``GET batches`` lists
such operations. A batch of a file names a ``responsesFile``; its lines have the client's ``key``.
A key may stand in many lines, so a line is named by the provider's ``responseId``, else by its
number. Sources: the API's reference of ``GenerateContentBatchOutput`` and of ``InlinedResponse``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botbottle.meter.call import Call, Dialect, Kind
from botbottle.meter.dialects.gemini import GeminiReader
from botbottle.meter.lines import WHOLE
from botbottle.meter.paths import last_but
from botbottle.meter.tally import Tally, as_dict, as_list, as_str, count
from botbottle.model.usage import Tokens

DOWNLOAD = ":download"
_ITEM = "(item)"  # key of one result taken out of a batch; no document of the provider's has it


def results_in(call: Call, doc: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Documents that a reader is given for one of a body: a batch holds many results."""
    batch = call.dialect is Dialect.GEMINI_BATCH and call.kind is Kind.BATCH_RESULTS
    if not batch or last_but(call.path, DOWNLOAD):
        yield doc
        return
    for operation in [doc, *map(as_dict, as_list(doc.get("operations")))]:
        yield from _inlined(operation)


def _inlined(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    metadata = as_dict(operation.get("metadata"))
    name, model = as_str(operation.get("name")), as_str(metadata.get("model"))
    output = as_dict(operation.get("response")) or as_dict(metadata.get("output"))
    held = output.get("inlinedResponses")
    items = as_list(as_dict(held).get("inlinedResponses")) or as_list(held)
    for at, item in enumerate(map(as_dict, items)):
        yield {_ITEM: f"{name}/{at}", "model": model.removeprefix("models/"), **item}


class GeminiBatchReader:
    """One row a result. ``path`` and ``headers`` are the request's and the response's."""

    def __init__(self, path: str, headers: Mapping[str, str]) -> None:
        self._file = last_but(path, DOWNLOAD)
        self._part = headers.get("content-range", "")  # lines of a part have other numbers
        self._lines = 0
        self.tally = Tally()

    def read(self, event: str, doc: dict[str, Any]) -> bool:
        """Each result whose cost is known is terminal for its own row."""
        if self._file:
            return self._line(doc)
        if _ITEM not in doc:
            self.tally.response_id = as_str(doc.get("name"))  # the answer to creating one
            return False
        name, model = as_str(doc[_ITEM]), as_str(doc.get("model"))
        failed = as_dict(doc.get("error"))
        if failed:
            self.tally = Tally(name, model, input_known=True, complete=True)
            self.tally.failed = str(failed.get("status") or failed.get("code") or "error")[:64]
            return True
        return self._answered(name, model, as_dict(doc.get("response")))

    def _line(self, doc: dict[str, Any]) -> bool:
        self._lines += 1
        response = as_dict(doc.get("response"))
        name = as_str(response.get("responseId")) or f"{self._lines}{self._part}"
        return self._answered(f"file:{self._file}/{name}", "", response)

    def _answered(self, name: str, model: str, response: dict[str, Any]) -> bool:
        reader = GeminiReader()
        reader.read(WHOLE, response)
        self.tally = reader.tally
        self.tally.response_id = name
        self.tally.model = self.tally.model or model
        embedded = count(response.get("tokenCount"))
        if embedded is not None and not self.tally.input_known:
            self.tally.tokens, self.tally.input_known = Tokens(embedded), True
        self.tally.complete = self.tally.input_known
        return self.tally.complete
