"""Which provider, dialect and kind a request is."""
# ruff: noqa: E501 - one case a line reads best

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from botbottle.meter import (
    Dialect,
    Kind,
    identify,
    provider_of,
    unmetered_llm_host,
)

VERTEX = "/v1/projects/p/locations/l/publishers"
BEDROCK = "bedrock-runtime.eu-west-1.amazonaws.com"
AZURE = "res.openai.azure.com"
CASES = [
    ("api.anthropic.com", "POST", "/v1/messages?beta=true", "claude", "anthropic", "generate"),
    ("api.anthropic.com", "POST", "/v1/messages/count_tokens?beta=true", "claude", "anthropic", "count"),
    ("api.anthropic.com", "GET", "/v1/messages/batches/b/results", "claude", "anthropic_batch", "batch_results"),
    ("api.anthropic.com", "POST", "/v1/messages/batches", "claude", "anthropic_batch", "batch_create"),
    ("api.anthropic.com", "GET", "/v1/messages/batches/b", "claude", "unknown", "other"),
    ("api.anthropic.com", "HEAD", "/api/hello", "claude", "unknown", "other"),
    ("us-east5-aiplatform.googleapis.com", "POST", f"{VERTEX}/anthropic/models/c@1:streamRawPredict", "claude", "anthropic", "generate"),
    ("aiplatform.googleapis.com", "POST", f"{VERTEX}/anthropic/models/count-tokens:rawPredict", "claude", "anthropic", "count"),
    ("aiplatform.eu.rep.googleapis.com", "POST", f"{VERTEX}/google/models/g:streamGenerateContent", "gemini", "gemini", "generate"),
    ("generativelanguage.googleapis.com", "POST", "/v1beta/models/g:countTokens", "gemini", "gemini", "count"),
    ("generativelanguage.googleapis.com", "POST", "/v1beta/interactions", "gemini", "gemini_interactions", "generate"),
    ("cloudcode-pa.googleapis.com", "POST", "/v1internal:streamGenerateContent?alt=sse", "gemini", "gemini", "generate"),
    ("cloudcode-pa.googleapis.com", "POST", "/v1internal:loadCodeAssist", "gemini", "gemini", "other"),
    ("res.services.ai.azure.com", "POST", "/anthropic/v1/messages", "claude", "anthropic", "generate"),
    ("aws-external-anthropic.us-east-1.api.aws", "POST", "/v1/messages", "claude", "anthropic", "generate"),
    ("bedrock-mantle.us-east-1.api.aws", "POST", "/anthropic/v1/messages", "bedrock", "anthropic", "generate"),
    (BEDROCK, "POST", "/model/m/invoke", "bedrock", "bedrock_invoke", "generate"),
    (BEDROCK, "POST", "/model/m/invoke-with-response-stream", "bedrock", "bedrock_invoke", "generate"),
    (BEDROCK, "POST", "/model/m/converse-stream", "bedrock", "bedrock_converse", "generate"),
    (BEDROCK, "POST", "/model/m/count-tokens", "bedrock", "bedrock_invoke", "count"),
    ("api.openai.com", "POST", "/v1/chat/completions", "codex", "openai_chat", "generate"),
    ("api.openai.com", "GET", "/v1/chat/completions/c1", "codex", "openai_chat", "retrieve"),
    ("api.openai.com", "POST", "/v1/responses/input_tokens", "codex", "openai_responses", "count"),
    ("api.openai.com", "GET", "/v1/responses/r1?stream=true", "codex", "openai_responses", "retrieve"),
    ("api.openai.com", "POST", "/v1/responses/r1/cancel", "codex", "openai_responses", "retrieve"),
    ("api.openai.com", "DELETE", "/v1/responses/r1", "codex", "unknown", "other"),
    ("api.openai.com", "GET", "/v1/files/f/content", "codex", "openai_batch", "batch_results"),
    ("api.openai.com", "GET", "/v1/containers/c/files/f/content", "codex", "unknown", "other"),
    ("chatgpt.com", "GET", "/backend-api/files/f/content", "codex", "unknown", "other"),
    ("api.anthropic.com", "GET", "/v1/files/f/content", "claude", "unknown", "other"),
    (AZURE, "GET", "/openai/v1/files/f/content", "azure", "openai_batch", "batch_results"),
    ("api.openai.com", "POST", "/v1/files", "codex", "unknown", "other"),
    ("generativelanguage.googleapis.com", "POST", "/v1beta/cachedContents", "gemini", "unknown", "generate"),
    ("generativelanguage.googleapis.com", "PATCH", "/v1beta/cachedContents/c", "gemini", "unknown", "other"),
    ("chatgpt.com", "POST", "/backend-api/codex/responses", "codex", "openai_responses", "generate"),
    ("chatgpt.com", "GET", "/backend-api/wham/accounts/check", "codex", "unknown", "other"),
    (AZURE, "POST", "/openai/deployments/d/chat/completions?api-version=1", "azure", "openai_chat", "generate"),
    (AZURE, "POST", "/openai/v1/responses", "azure", "openai_responses", "generate"),
    ("openrouter.ai", "POST", "/api/v1/messages", "openrouter", "anthropic", "generate"),
    ("ollama.com", "POST", "/api/chat", "ollama", "ollama", "generate"),
    ("ollama.com", "POST", "/api/show", "ollama", "ollama", "other"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "method", "path", "provider", "dialect", "kind"), CASES)
def test_requests_are_known(
    host: str, method: str, path: str, provider: str, dialect: str, kind: str
) -> None:
    call = identify(host, method, path, {}, {})
    assert call is not None
    assert (call.provider, call.dialect.value, call.kind.value) == (provider, dialect, kind)
    assert "?" not in call.path


@pytest.mark.parametrize(
    ("host", "path", "model"),
    [
        (BEDROCK, "/model/us.anthropic.claude-v1%3A0/invoke", "us.anthropic.claude-v1:0"),
        (BEDROCK, "/model/arn%3Aaws%3Abedrock%3Aeu%3A1%3Ainference-profile%2Fx/converse",
         "arn:aws:bedrock:eu:1:inference-profile/x"),
        (AZURE, "/openai/deployments/gpt-z/chat/completions", "gpt-z"),
        ("aiplatform.googleapis.com", f"{VERTEX}/google/models/g-2.5:generateContent", "g-2.5"),
        ("api.openai.com", "/v1/responses", ""),
    ],
)  # fmt: skip
def test_a_model_in_the_path_is_read(host: str, path: str, model: str) -> None:
    call = identify(host, "POST", path, {}, {})
    assert call is not None
    assert call.model == model


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/responses", Dialect.OPENAI_RESPONSES),
        ("/backend-api/codex/responses", Dialect.OPENAI_RESPONSES),
        ("/v1/realtime?model=x", Dialect.OPENAI_REALTIME),
        ("/other", Dialect.UNKNOWN),
    ],
)
def test_websocket_upgrades_are_known(path: str, dialect: Dialect) -> None:
    call = identify("api.openai.com", "GET", path, {"Upgrade": "WebSocket"}, {})
    assert call is not None
    assert (call.kind, call.dialect) == (Kind.WEBSOCKET, dialect)


@pytest.mark.parametrize("path", ["/v1/responses/r1", "/v1/messages/batches/b/results"])
def test_an_upgrade_header_does_not_hide_a_poll_from_the_meter(path: str) -> None:
    call = identify("api.openai.com", "GET", path, {"Upgrade": "websocket"}, {})
    assert call is not None
    assert call.metered


@pytest.mark.parametrize("host", [
    "example.com", "api.anthropic.com.evil.example", "evilapi.anthropic.com", "xapi.openai.com",
    "openai.azure.com", "a.b.openai.azure.com", "-aiplatform.googleapis.com", "",
])  # fmt: skip
def test_other_hosts_are_none_of_the_meters_business(host: str) -> None:
    assert identify(host, "POST", "/v1/messages", {}, {}) is None


def test_a_declared_host_wins_over_a_known_one_and_may_be_a_pattern() -> None:
    hosts = {"api.openai.com": "team", "*.llm.example": "corp"}
    assert provider_of("api.openai.com", hosts) == "team"
    assert provider_of("a.llm.example:8443", hosts) == "corp"
    assert provider_of("a.b.llm.example", hosts) is None


@given(st.text(), st.text(), st.sampled_from(["GET", "POST", "PUT", "", "X"]), st.text())
def test_nothing_a_client_sends_makes_identify_fail(
    host: str, path: str, method: str, header: str
) -> None:
    identify(host, method, path, {"upgrade": header}, {})
    found = identify("api.openai.com", method, path, {"x-http-method-override": header}, {})
    assert found is not None


@given(st.text(min_size=1))
def test_a_post_to_a_model_host_is_gated_counting_or_on_the_list_of_free_paths(path: str) -> None:
    call = identify("api.anthropic.com", "POST", "/v2/" + path.replace("/", ""), {}, {})
    assert call is not None
    assert call.gated or call.kind is Kind.COUNT


@pytest.mark.parametrize(
    ("route", "flagged"),
    [
        ("api.mistral.ai", "Mistral"),
        ("API.X.AI:443", "xAI"),
        ("api.openai.com", None),
        ("*.openai.azure.com", None),
        ("*.anthropic.com", None),
        ("*.github.com", None),
        ("*.openai.com", None),
        ("*.mistral.ai", "Mistral"),
        ("*.cn-beijing.volces.com", "Volcengine"),
        ("*.groq.com", "Groq"),
        ("*.api.x.ai", "xAI"),
        ("llm.example", None),
        ("github.com", None),
    ],
)
def test_routes_that_reach_models_unmetered_are_flagged(route: str, flagged: str | None) -> None:
    assert unmetered_llm_host(route, {}) == flagged


def test_declaring_a_host_meters_it_and_ends_the_flag() -> None:
    declared = {"api.mistral.ai": "mistral", "codestral.mistral.ai": "mistral"}
    assert unmetered_llm_host("api.mistral.ai", declared) is None
    assert unmetered_llm_host("*.mistral.ai", declared) is None
    assert unmetered_llm_host("*.mistral.ai", {"api.mistral.ai": "mistral"}) == "Mistral"


def test_a_wildcard_in_the_middle_of_a_known_host_is_covered_by_a_longer_route() -> None:
    assert unmetered_llm_host("*.eu.cloud.databricks.com", {}) == "Databricks"
    assert unmetered_llm_host("*.eu.cloud.example.com", {}) is None
