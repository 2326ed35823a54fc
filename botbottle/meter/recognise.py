"""Read one request line: whose budget it spends and how its response tells.

The destination host picks the budget key. One exception: hosts of Google and Azure that carry
the Anthropic dialect spend the ``claude`` budget. Bedrock, OpenRouter, Ollama and declared hosts
keep their own key whatever dialect they speak, because they send their own bill.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from botbottle.meter.call import GATED, Call, Dialect, Kind
from botbottle.meter.hosts import (
    AZURE,
    BEDROCK,
    CLAUDE,
    CODEX,
    GEMINI,
    OLLAMA,
    OPENROUTER,
    canonical_host,
    provider_of,
)
from botbottle.meter.paths import FREE, ODD, dotted, find_rule, model_in, normalise

# Google's front end (and many others) let a GET carry out another method.
OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override")
_OVERRIDE = "$httpmethod"  # Google's system parameter of the same meaning
CHATGPT = frozenset({"chatgpt.com", "chat.openai.com"})
# ChatGPT's backend and Anthropic's /api/ serve sign-in, settings and telemetry of a whole product
# under names that change; there only what is named like a turn of conversation spends, and all that
# Codex asks for itself but its telemetry: ``memories/trace_summarize`` and tasks in the cloud, too.
_SPENDING = re.compile(
    r"conversation|completion|message|chat|responses|generate|realtime|infer"
    r"|/codex/(?!analytics-events/)|/wham/tasks",
    re.IGNORECASE,
)
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Whose files hold no results of OpenAI's batches, only what was uploaded: reading them tells no
# usage, and who wrote one could tell any.
_NO_OPENAI_BATCHES = frozenset({CLAUDE, GEMINI, BEDROCK, OPENROUTER, OLLAMA})


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {k.lower(): v for k, v in headers.items()}


def _methods(method: str, path: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """The method sent and any it asks to be taken for: which one wins is the server's affair."""
    query = parse_qsl(path.partition("?")[2], max_num_fields=None)
    asked = [value for name, value in query if name.lower() == _OVERRIDE]
    asked += [headers[name] for name in OVERRIDES if name in headers]
    return (method.upper(), *(value.strip().upper() for value in asked))


def _is_websocket(method: str, headers: Mapping[str, str]) -> bool:
    return method == "GET" and headers.get("upgrade", "").lower() == "websocket"


def _websocket_dialect(path: str) -> Dialect:
    if path.endswith("/responses"):
        return Dialect.OPENAI_RESPONSES
    if path.endswith("/realtime"):
        return Dialect.OPENAI_REALTIME
    return Dialect.UNKNOWN


def _unlisted(host: str, method: str, path: str) -> tuple[Kind, Dialect]:
    """What no table lists: reading is free, writing to a model host is not."""
    if method in _SAFE or method == "DELETE" or (FREE.fullmatch(path) and not ODD.search(path)):
        return Kind.OTHER, Dialect.UNKNOWN
    web = host in CHATGPT or (host == "api.anthropic.com" and path.startswith("/api/"))
    if web and not _SPENDING.search(path) and not ODD.search(path):
        return Kind.OTHER, Dialect.UNKNOWN
    return Kind.GENERATE, Dialect.UNKNOWN


def _classify(
    host: str, key: str, methods: tuple[str, ...], path: str, odd: bool
) -> tuple[Kind, Dialect]:
    """The most expensive reading of the request among the methods it may be taken for."""
    read = [_classify_one(host, key, method, path, odd) for method in methods]
    return next((r for r in read if r[0] in GATED), read[0])


def _classify_one(host: str, key: str, method: str, path: str, odd: bool) -> tuple[Kind, Dialect]:
    """``odd``: the path may be another one for the server, so what it seems to be is not free, and
    no ids are taken from it."""
    rule = find_rule(method, path)
    if odd and (rule.kind not in GATED if rule else method not in _SAFE):
        return Kind.GENERATE, Dialect.UNKNOWN
    if rule is None:
        return _unlisted(host, method, path)
    results = rule.dialect is Dialect.OPENAI_BATCH and rule.kind is Kind.BATCH_RESULTS
    if results and (key in _NO_OPENAI_BATCHES or host in CHATGPT):
        return Kind.OTHER, Dialect.UNKNOWN
    return rule.kind, rule.dialect


def _budget_key(key: str, dialect: Dialect) -> str:
    anthropic = dialect in (Dialect.ANTHROPIC, Dialect.ANTHROPIC_BATCH)
    return CLAUDE if anthropic and key in (GEMINI, AZURE, CODEX) else key


def identify(
    host: str, method: str, path: str, headers: Mapping[str, str], hosts: Mapping[str, str]
) -> Call | None:
    """What a request to ``host`` is, or None when the host serves no known models.

    ``path`` may carry a query. ``hosts`` maps hosts (or ``*`` label patterns) that settings
    declare to their budget key; they win over the hosts known by heart.
    """
    host = canonical_host(host)
    key = provider_of(host, hosts)
    if key is None:
        return None
    lowered, clean = _lower(headers), normalise(path)
    if _is_websocket(method.upper(), lowered) and find_rule("GET", clean) is None:
        dialect, kind = _websocket_dialect(clean), Kind.WEBSOCKET
    else:
        methods = _methods(method, path, lowered)
        kind, dialect = _classify(host, key, methods, clean, dotted(path))
    named = model_in(clean) if kind in GATED or kind is Kind.COUNT else ""
    return Call(_budget_key(key, dialect), dialect, kind, host, method.upper(), clean, named)
