"""One reader a dialect; :func:`reader_for` picks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from botbottle.meter.call import Call, Dialect
from botbottle.meter.dialects.anthropic import AnthropicReader
from botbottle.meter.dialects.batches import AnthropicBatchReader, OpenAIBatchReader
from botbottle.meter.dialects.bedrock import ConverseReader, InvokeReader
from botbottle.meter.dialects.gemini import GeminiReader
from botbottle.meter.dialects.gemini_batches import GeminiBatchReader
from botbottle.meter.dialects.interactions import InteractionsReader
from botbottle.meter.dialects.ollama import OllamaReader
from botbottle.meter.dialects.openai_chat import ChatReader
from botbottle.meter.dialects.openai_responses import ResponsesReader
from botbottle.meter.dialects.unknown import UnknownReader
from botbottle.meter.tally import Reader

_READERS: Mapping[Dialect, Callable[[], Reader]] = {
    Dialect.ANTHROPIC: AnthropicReader,
    Dialect.OPENAI_CHAT: ChatReader,
    Dialect.OPENAI_RESPONSES: ResponsesReader,
    Dialect.OPENAI_REALTIME: ResponsesReader,
    Dialect.GEMINI_INTERACTIONS: InteractionsReader,
    Dialect.BEDROCK_CONVERSE: ConverseReader,
    Dialect.OLLAMA: OllamaReader,
    Dialect.UNKNOWN: UnknownReader,
}


def reader_for(call: Call, headers: Mapping[str, str], choices: int) -> Reader:
    """A fresh reader. ``headers`` are the response's, in lower case."""
    if call.dialect is Dialect.GEMINI:
        return GeminiReader(choices)
    if call.dialect is Dialect.BEDROCK_INVOKE:
        return InvokeReader(headers)
    if call.dialect is Dialect.ANTHROPIC_BATCH:
        return AnthropicBatchReader(call.path)
    if call.dialect is Dialect.GEMINI_BATCH:
        return GeminiBatchReader(call.path, headers)
    if call.dialect is Dialect.OPENAI_BATCH:
        return OpenAIBatchReader(call.path)
    return _READERS[call.dialect]()
