"""Requests inside a body that creates a batch, by dialect.

Where they are in a file that the body names, nothing here knows them: OpenAI's always, Gemini's
where ``inputConfig`` says so. Sources: the official SDKs' parameter types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botbottle.meter import references
from botbottle.meter.batches import BatchItem, bounded
from botbottle.meter.call import Call, Dialect, Kind
from botbottle.meter.estimate import estimate_document
from botbottle.meter.limits import allowance, choices, max_output
from botbottle.meter.tally import as_dict, as_list, as_str

MAX_BATCH = 10_000  # requests of one batch that get a row of their own at creation
EMBEDS = ":asyncbatchembedcontent"  # how the path ends where nothing is generated


def requests_in(call: Call, doc: Mapping[str, Any]) -> tuple[BatchItem, ...]:
    """Those of a body; none where it creates no batch, or names them only."""
    if call.kind is not Kind.BATCH_CREATE:
        return ()
    match call.dialect:
        case Dialect.ANTHROPIC_BATCH:
            found = _messages(doc)
        case Dialect.GEMINI_BATCH:
            found = _contents(call, doc)
        case _:
            return ()
    return bounded(tuple(found), MAX_BATCH)


def _messages(doc: Mapping[str, Any]) -> Iterator[BatchItem]:
    for item in map(as_dict, as_list(doc.get("requests"))):
        params = as_dict(item.get("params"))
        most = max_output(params, Dialect.ANTHROPIC)
        yield _item(as_str(item.get("custom_id")), as_str(params.get("model")), params,
                    Dialect.ANTHROPIC, allowance(most, 1))  # fmt: skip


def _contents(call: Call, doc: Mapping[str, Any]) -> Iterator[BatchItem]:
    """Gemini's have no names of their own: results come "in the same order as the input
    requests" (its reference, ``GenerateContentBatchOutput``)."""
    batch = as_dict(doc.get("batch"))
    config = as_dict(batch.get("inputConfig") or batch.get("input_config"))
    if config.get("fileName") or config.get("file_name"):
        return
    items = as_list(as_dict(config.get("requests")).get("requests"))
    for at, item in enumerate(map(as_dict, items)):
        asked = as_dict(item.get("request"))
        most = allowance(max_output(asked, Dialect.GEMINI), choices(asked))
        output = 0 if call.path.lower().endswith(EMBEDS) else most
        yield _item(str(at), call.model, asked, Dialect.GEMINI, output)


def _item(name: str, model: str, asked: dict[str, Any], dialect: Dialect, output: int) -> BatchItem:
    size = estimate_document(asked, dialect) + references.stored(asked)
    return BatchItem(name, model, size, output)
