"""Which dialect answers a request: by path, so that it works on any host and on loopback."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from tests.world.dialects import (
    anthropic,
    batches,
    bedrock,
    chat,
    codex,
    gemini,
    git,
    interactions,
    oauth,
    ollama,
    plain,
    responses,
    responses_ws,
)
from tests.world.script import Script
from tests.world.usage import Usage
from tests.world.wire import Call, Reply, Request

type Fold = Callable[[Usage, Script, bool], Usage]
type Answer = Callable[[Call], Reply]

# Budget keys by host, as the product names them; elsewhere (loopback) the dialect says.
PROVIDERS = (
    ("*anthropic.com", "claude"),
    ("claude.googleapis.com", "claude"),
    ("*openai.azure.com", "azure"),
    ("*.services.ai.azure.com", "azure"),
    ("*openai.com", "codex"),
    ("*chatgpt.com", "codex"),
    ("generativelanguage.googleapis.com", "gemini"),
    ("cloudcode-pa.googleapis.com", "gemini"),
    ("*aiplatform.*", "gemini"),
    ("bedrock*", "bedrock"),
    ("*openrouter.ai", "openrouter"),
    ("ollama.com", "ollama"),
)
# Claude models served by these are Claude's budget.
RESELLERS = frozenset({"gemini", "azure", "codex"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """One operation of one API. ``fold`` moves what the wire cannot say into classes it can."""

    name: str
    answer: Answer
    provider: str = ""
    metered: bool = False
    fold: Fold = lambda usage, script, streaming: usage
    error: Callable[[int, str], Any] = plain.error
    adjust: Callable[[Request, Script], Script] = lambda request, script: script


def provider_of(host: str, dialect: Dialect) -> str:
    """The provider key of a request, or an empty string."""
    if not dialect.provider:
        return ""
    key = next((key for glob, key in PROVIDERS if fnmatchcase(host, glob)), dialect.provider)
    return dialect.provider if dialect.provider == "claude" and key in RESELLERS else key


def model_of(request: Request, data: Mapping[str, Any]) -> str:
    """The model, from the body or from the path (Gemini, Bedrock, Azure)."""
    for pattern in (r"/models/([^/]+):[A-Za-z]+$", r"/model/([^/]+)/", r"/deployments/([^/]+)/"):
        if found := re.search(pattern, request.path):
            return unquote(found[1])
    return str(data.get("model", ""))


def _short_lived(usage: Usage) -> Usage:
    """All cache writes as the short-lived class, for shapes that do not tell lifetimes apart."""
    return replace(usage, cache_write_5m=usage.cache_write, cache_write_1h=0)


def _fold_messages(usage: Usage, script: Script, streaming: bool) -> Usage:
    unsplit = script.has("no_ttl_split") or (streaming and script.has("zero_message_start"))
    usage = _short_lived(usage) if unsplit else usage
    if script.has("no_details") or (streaming and script.has("delta_only_output")):
        return replace(usage, reasoning=0)
    if script.has("iterations"):  # compaction does not think
        own = usage.output - anthropic.compacted(usage).output
        return replace(usage, reasoning=min(usage.reasoning, own))
    return usage


def _fold_stream(usage: Usage, script: Script, streaming: bool) -> Usage:
    return _fold_messages(usage, script, True)


def _fold_chat(usage: Usage, script: Script, streaming: bool) -> Usage:
    if script.has("no_details"):
        return replace(usage.without_cache(), reasoning=0)
    return _short_lived(usage)


def _fold_responses(usage: Usage, script: Script, streaming: bool) -> Usage:
    return replace(usage.without_cache(), reasoning=0) if script.has("no_details") else usage


def _fold_gemini(usage: Usage, script: Script, streaming: bool) -> Usage:
    return usage.without_cache_writes()


def _fold_invoke_stream(usage: Usage, script: Script, streaming: bool) -> Usage:
    return replace(_fold_messages(usage, script, True), reasoning=0)


def _fold_converse(usage: Usage, script: Script, streaming: bool) -> Usage:
    return replace(usage, reasoning=0)


def _fold_ollama(usage: Usage, script: Script, streaming: bool) -> Usage:
    usage = replace(usage.without_cache_writes(), reasoning=0)
    if script.has("no_prompt_count"):
        return replace(usage, input_uncached=0, cache_read=0)
    return usage


def _streamed(call: Call) -> Reply:
    return anthropic.messages(replace(call, data={**call.data, "stream": True}))


MESSAGES = Dialect(
    "anthropic.messages", anthropic.messages, "claude", True, _fold_messages, anthropic.error
)
RESPONSES = Dialect(
    "openai.responses", responses.create, "codex", True, _fold_responses, chat.error
)
RESPONSES_WS = replace(RESPONSES, name="openai.responses.ws", answer=responses_ws.create)
CHAT = Dialect("openai.chat", chat.completions, "codex", True, _fold_chat, chat.error)
GEMINI = Dialect("gemini.generate", gemini.generate, "gemini", True, _fold_gemini, gemini.error)
BEDROCK = Dialect("bedrock.invoke", bedrock.invoke, "bedrock", True, _fold_messages, bedrock.error)
OLLAMA = Dialect("ollama.chat", ollama.chat, "ollama", True, _fold_ollama, ollama.error)


def _side(base: Dialect, name: str, answer: Answer, *, metered: bool = False) -> Dialect:
    return replace(base, name=name, answer=answer, metered=metered)


RESPONSES_PATH = r"(/api|/openai)?(/v1|/backend-api/codex)?/responses"
CHAT_PREFIX = r"(/[^?]*)?"

TABLE: tuple[tuple[str, str, Dialect], ...] = (
    ("POST", r"/(?:.*/)?v1/messages", MESSAGES),
    (
        "POST",
        r"/(?:.*/)?v1/messages/count_tokens",
        _side(MESSAGES, "anthropic.count_tokens", anthropic.count_tokens),
    ),
    (
        "POST",
        r"/v1/messages/batches",
        _side(MESSAGES, "anthropic.batches", batches.create),
    ),
    (
        "GET",
        r"/v1/messages/batches/[^/]+/results",
        _side(MESSAGES, "anthropic.batch_results", batches.results, metered=True),
    ),
    (
        "GET",
        r"/v1/messages/batches/[^/]+",
        _side(MESSAGES, "anthropic.batches", batches.get),
    ),
    (
        "POST",
        r".*/publishers/anthropic/models/count-tokens:rawPredict",
        _side(MESSAGES, "vertex.count_tokens", anthropic.count_tokens),
    ),
    (
        "POST",
        r".*/publishers/anthropic/models/[^/]+:rawPredict",
        replace(MESSAGES, name="vertex.anthropic"),
    ),
    (
        "POST",
        r".*/publishers/anthropic/models/[^/]+:streamRawPredict",
        replace(MESSAGES, name="vertex.anthropic", answer=_streamed, fold=_fold_stream),
    ),
    ("POST", RESPONSES_PATH, RESPONSES),
    (
        "POST",
        RESPONSES_PATH + r"/compact",
        _side(RESPONSES, "openai.compact", responses.compaction, metered=True),
    ),
    (
        "POST",
        RESPONSES_PATH + r"/input_tokens",
        _side(RESPONSES, "openai.input_tokens", responses.input_tokens),
    ),
    (
        "POST",
        RESPONSES_PATH + r"/[^/]+/cancel",
        _side(RESPONSES, "openai.cancel", responses.cancel),
    ),
    (
        "GET",
        RESPONSES_PATH + r"/[^/]+",
        _side(RESPONSES, "openai.retrieve", responses.retrieve, metered=True),
    ),
    ("POST", CHAT_PREFIX + r"/chat/completions", CHAT),
    (
        "POST",
        CHAT_PREFIX + r"/embeddings",
        _side(CHAT, "openai.embeddings", chat.embeddings, metered=True),
    ),
    ("GET", r"/api/v1/generation", _side(CHAT, "openrouter.generation", chat.generation)),
    ("GET", CHAT_PREFIX + r"/v1/models", Dialect("models", chat.models)),
    (
        "POST",
        r"/v1(?:beta|alpha)?/interactions",
        replace(GEMINI, name="gemini.interactions", answer=interactions.create),
    ),
    ("POST", r"/(?:v1/)?oauth/token", Dialect("oauth.token", oauth.token)),
    (
        "GET",
        r"/backend-api/wham/accounts/check",
        Dialect("codex.accounts_check", codex.accounts_check),
    ),
    ("GET", r"/backend-api/codex/models", Dialect("codex.models", codex.models)),
    ("POST", r"/.*:generateContent", GEMINI),
    (
        "POST",
        r"/.*:streamGenerateContent",
        replace(GEMINI, name="gemini.stream", answer=gemini.stream),
    ),
    ("POST", r"/.*:countTokens", _side(GEMINI, "gemini.count_tokens", gemini.count_tokens)),
    ("POST", r"/model/[^/]+/invoke", BEDROCK),
    (
        "POST",
        r"/model/[^/]+/invoke-with-response-stream",
        replace(
            BEDROCK,
            name="bedrock.invoke_stream",
            answer=bedrock.invoke_stream,
            fold=_fold_invoke_stream,
        ),
    ),
    (
        "POST",
        r"/model/[^/]+/converse",
        replace(BEDROCK, name="bedrock.converse", answer=bedrock.converse, fold=_fold_converse),
    ),
    (
        "POST",
        r"/model/[^/]+/converse-stream",
        replace(
            BEDROCK,
            name="bedrock.converse_stream",
            answer=bedrock.converse_stream,
            fold=_fold_converse,
        ),
    ),
    (
        "POST",
        r"/model/[^/]+/count-tokens",
        _side(BEDROCK, "bedrock.count_tokens", bedrock.count_tokens),
    ),
    (
        "GET",
        r"/inference-profiles",
        Dialect("bedrock.inference_profiles", bedrock.inference_profiles),
    ),
    ("POST", r"/api/(?:chat|generate)", OLLAMA),
    ("*", r"/echo(?:/.*)?", Dialect("echo", plain.echo)),
    ("*", r"/bytes", Dialect("bytes", plain.big)),
    ("*", r"/sse", Dialect("ticker", plain.ticker, adjust=plain.paced)),
    ("*", r"/upload(?:/.*)?", Dialect("sink", plain.sink)),
    ("*", r"/redirect", Dialect("redirect", plain.redirect)),
    ("GET", r"/.*/info/refs", Dialect("git.refs", git.refs)),
    ("POST", r"/.*/git-(?:upload|receive)-pack", Dialect("git.rpc", git.rpc)),
    ("*", r"/(?:api/hello)?", Dialect("hello", plain.hello)),
)
COMPILED = tuple((method, re.compile(path), dialect) for method, path, dialect in TABLE)
MISSING = Dialect("missing", plain.missing)
UPGRADE_PATH = re.compile(RESPONSES_PATH)


def find(request: Request) -> Dialect:
    """The dialect of a request; ``missing`` answers what nothing else does."""
    for method, path, dialect in COMPILED:
        if method in ("*", request.method) and path.fullmatch(request.path):
            return dialect
    return MISSING
