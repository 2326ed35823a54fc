"""Providers are data that the planner and the sidecar can use as they are."""

from __future__ import annotations

import json

import pytest

from botbottle.meter.hosts import METERED_HOSTS
from botbottle.model.route_reading import from_flat
from botbottle.providers import (
    PROVIDERS,
    Credential,
    Provider,
    UnknownSetting,
    agent_env,
    placeholder,
    provider,
)

EVERY = [(p, c) for p in PROVIDERS.values() for c in p.credentials]
EVERY_IDS = [f"{p.name}-{c.kind}" for p, c in EVERY]


@pytest.mark.parametrize(("chosen", "credential"), EVERY, ids=EVERY_IDS)
class TestEveryProvider:
    def test_its_routes_survive_the_flat_form(
        self, chosen: Provider, credential: Credential
    ) -> None:
        for route in credential.routes("SOME_VARIABLE", chosen.budget):
            assert from_flat(route.to_flat()) == route

    def test_each_authenticated_route_names_the_variable_and_the_budget(
        self, chosen: Provider, credential: Credential
    ) -> None:
        routes = credential.routes("SOME_VARIABLE", chosen.budget)
        assert routes
        assert all(r.auth and r.auth.secret == "SOME_VARIABLE" for r in routes)
        assert all(r.provider == chosen.budget for r in routes)

    def test_provider_routes_redact_instead_of_waiting_for_a_person(
        self, chosen: Provider, credential: Credential
    ) -> None:
        routes = credential.routes("SOME_VARIABLE", chosen.budget)
        assert {r.dlp.outbound_on_match for r in routes} == {"redact"}

    def test_the_agent_holds_only_placeholders(
        self, chosen: Provider, credential: Credential
    ) -> None:
        given = dict(credential.env)
        assert all("botbottle-placeholder" in value for value in given.values())
        assert "botbottle-placeholder" in credential.placeholder

    def test_argv_starts_the_program(self, chosen: Provider, credential: Credential) -> None:
        assert chosen.argv("interactive", credential, {})[0] == chosen.program
        assert chosen.argv("headless", credential, {}, "x")[0] == chosen.program


def test_a_task_that_looks_like_an_option_stays_a_task() -> None:
    claude = provider("claude")
    argv = claude.argv("headless", claude.credentials[0], {}, "--help me")
    assert argv[-2:] == ("--", "--help me")


def test_interactive_argv_has_no_task() -> None:
    claude = provider("claude")
    assert "--" not in claude.argv("interactive", claude.credentials[0], {}, "ignored")


@pytest.mark.parametrize(
    ("name", "variable", "kind"),
    [
        ("claude", "", "api-key"),
        ("claude", "ANTHROPIC_API_KEY", "api-key"),
        ("claude", "CLAUDE_CODE_OAUTH_TOKEN", "oauth"),
        ("claude", "ANTHROPIC_AUTH_TOKEN", "oauth"),
        ("claude", "MY_OWN_NAME", "api-key"),
        ("codex", "", "api-key"),
        ("codex", "CODEX_AUTH_JSON", "chatgpt"),
        ("claude", "CLAUDE_CREDENTIALS_JSON", "login"),
        ("pi", "", "api-key"),
        ("pi", "OPENAI_API_KEY", "openai"),
    ],
)
def test_the_variable_name_implies_the_way_to_log_in(name: str, variable: str, kind: str) -> None:
    assert provider(name).credential(variable, {}).kind == kind


def test_the_setting_wins_over_the_variable_name() -> None:
    claude = provider("claude")
    assert claude.credential("ANTHROPIC_API_KEY", {"credential": "oauth"}).kind == "oauth"


def test_an_unknown_way_to_log_in_lists_the_known_ones() -> None:
    with pytest.raises(UnknownSetting) as caught:
        provider("claude").credential("", {"credential": "magic"})
    assert caught.value.known == ("api-key", "oauth", "login")


def test_settings_become_arguments() -> None:
    claude = provider("claude")
    argv = claude.argv("headless", claude.credentials[0], {"model": "opus", "output": "json"}, "t")
    assert argv[-6:] == ("--model", "opus", "--output-format", "json", "--", "t")


@pytest.mark.parametrize("settings", [{"modle": "x"}, {"output": "xml"}])
def test_an_unknown_setting_is_refused(settings: dict[str, str]) -> None:
    claude = provider("claude")
    with pytest.raises(UnknownSetting) as caught:
        claude.argv("headless", claude.credentials[0], settings)
    assert caught.value.known


def test_an_api_key_of_claude_travels_in_its_own_header() -> None:
    (route,) = provider("claude").credentials[0].routes("K", "claude")
    assert route.auth is not None
    assert (route.auth.scheme, route.auth.name) == ("header", "x-api-key")


def test_claude_may_not_reach_the_files_api_or_telemetry() -> None:
    (route,) = provider("claude").credentials[0].routes("K", "claude")
    prefixes = [p.value for p in route.matches[0].paths]
    assert "/v1/messages" in prefixes
    assert not [p for p in prefixes if p.startswith(("/v1/files", "/api/event", "/api/eval"))]


def test_the_first_run_of_claude_knows_its_placeholder() -> None:
    credential = provider("claude").credentials[0]
    state = json.loads(credential.files[0].content)
    assert state["customApiKeyResponses"]["approved"] == [credential.placeholder[-20:]]


def test_the_environment_covers_both_cases_and_all_trust_stores() -> None:
    claude = provider("claude")
    env = dict(agent_env(claude, claude.credentials[0], "egress", ["supervise"]))
    assert env["HTTPS_PROXY"] == env["https_proxy"] == "http://egress:9099"
    assert env["NO_PROXY"] == env["no_proxy"] == "localhost,127.0.0.1,::1,supervise"
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "CODEX_CA_CERTIFICATE"):
        assert env[name] == "/etc/botbottle/bundle.pem"
    assert env["NODE_EXTRA_CA_CERTS"] == "/etc/botbottle/ca.pem"
    assert "trustStore=/etc/botbottle/bundle.p12" in env["JAVA_TOOL_OPTIONS"]
    assert env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"] == "1"
    assert env["ANTHROPIC_API_KEY"].endswith("placeholder")


def test_the_environment_is_sorted_so_that_a_plan_is_stable() -> None:
    codex = provider("codex")
    env = agent_env(codex, codex.credentials[0], "egress")
    assert list(env) == sorted(env)


def test_an_unknown_provider_lists_the_known_ones() -> None:
    with pytest.raises(KeyError, match="claude, codex"):
        provider("emacs")


def test_providers_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        provider("claude").name = "x"  # type: ignore[misc]


def test_a_placeholder_names_its_secret_and_nothing_else() -> None:
    assert placeholder("GITHUB_TOKEN") == "botbottle-placeholder-github-token"


def test_every_program_finds_its_hosts_metered_under_the_budget_it_spends() -> None:
    for chosen, credential in EVERY:
        budget = credential.budget or chosen.budget
        for host in credential.hosts:
            assert METERED_HOSTS[host.name] == budget, (chosen.name, credential.kind)
