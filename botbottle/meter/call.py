"""What one HTTP request to a model provider is: whose budget, which wire format, what it costs."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """What a request can cost, and therefore what the sidecar does with it."""

    GENERATE = "generate"  # spends tokens: gate, then meter
    COUNT = "count"  # the provider's own counting endpoint: never spend
    RETRIEVE = "retrieve"  # poll, replay or cancel of an earlier response: meter, never gate
    BATCH_CREATE = "batch_create"  # gate; the usage arrives with the results
    BATCH_RESULTS = "batch_results"  # meter every line, never gate
    WEBSOCKET = "websocket"  # gate every response.create frame (WebSocketMeter)
    OTHER = "other"  # a provider's host, but no tokens


class Dialect(enum.StrEnum):
    """Wire format of a response's usage."""

    ANTHROPIC = "anthropic"
    ANTHROPIC_BATCH = "anthropic_batch"
    OPENAI_CHAT = "openai_chat"  # also legacy completions and embeddings
    OPENAI_RESPONSES = "openai_responses"
    OPENAI_REALTIME = "openai_realtime"
    OPENAI_BATCH = "openai_batch"
    GEMINI = "gemini"  # also Vertex
    GEMINI_BATCH = "gemini_batch"
    GEMINI_INTERACTIONS = "gemini_interactions"
    BEDROCK_INVOKE = "bedrock_invoke"
    BEDROCK_CONVERSE = "bedrock_converse"
    OLLAMA = "ollama"
    UNKNOWN = "unknown"  # a metered host, an unknown path: recorded as estimated, with an alarm


GATED = frozenset({Kind.GENERATE, Kind.BATCH_CREATE})
METERED = frozenset({Kind.GENERATE, Kind.RETRIEVE, Kind.BATCH_RESULTS, Kind.BATCH_CREATE})


@dataclass(frozen=True, slots=True)
class Call:
    """One request to a provider's host, as :func:`botbottle.meter.identify` reads it.

    ``provider`` is the budget key; ``path`` has no query; ``model`` is set only where the path
    names it (Gemini, Vertex, Bedrock, Azure deployments), otherwise the body does.
    """

    provider: str
    dialect: Dialect
    kind: Kind
    host: str
    method: str
    path: str
    model: str = ""

    @property
    def gated(self) -> bool:
        """True when the ledger must admit this request before it is sent upstream."""
        return self.kind in GATED

    @property
    def metered(self) -> bool:
        """True when the response must be fed to a Meter."""
        return self.kind in METERED
