"""The examples: every file valid, used, and showing what it says it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.load import load
from botbottle.model.bottle import BottleSpec

ROOT = Path(__file__).parents[2]
HOME = ROOT / "examples/.bot-bottle"


@pytest.fixture(scope="module")
def specs() -> dict[str, BottleSpec]:
    loaded = load(HOME)
    assert loaded.diagnostics == ()
    assert loaded.declared is not None
    return {b.name: b for b in loaded.declared.bottles}


def test_every_file_is_part_of_some_agent(specs: dict[str, BottleSpec]) -> None:
    used = {name for spec in specs.values() for name in spec.ancestry}
    assert used == {p.stem for p in HOME.glob("bottles/*.md")}
    assert {s.agent for s in specs.values()} == {p.stem for p in HOME.glob("agents/*.md")}


def test_the_demo_has_a_claude_and_a_codex_bottle_that_are_started(
    specs: dict[str, BottleSpec],
) -> None:
    started = {s.name: s for s in specs.values() if s.state == "started"}
    assert {(n, s.template, s.auth_token, s.shutdown) for n, s in started.items()} == {
        ("demo-claude", "claude", "ANTHROPIC_API_KEY", "cutoff"),
        ("demo-codex", "codex", "OPENAI_API_KEY", "kill"),
    }


def test_budgets_at_all_four_scopes(specs: dict[str, BottleSpec]) -> None:
    kinds = {s.kind for spec in specs.values() for s in spec.scopes if s.limits}
    assert kinds == {"agent", "bottle", "parent", "global"}


def test_both_ways_of_running_both_styles_of_extends_git_and_dlp(
    specs: dict[str, BottleSpec],
) -> None:
    assert {s.run for s in specs.values()} == {"interactive", "headless"}
    developer, report = specs["developer"], specs["night-report-2"]
    assert developer.template == "claude"
    assert [r.name for r in developer.git_repos] == ["app", "tools"]
    assert {r.key_provider for r in developer.git_repos} == {"static", "gitea"}
    assert {v.kind for v in developer.env} == {"literal", "ask", "host"}
    assert report.routes[-1].dlp.outbound_on_match == "block"
    assert report.task
    texts = [p.read_text() for p in sorted(HOME.glob("bottles/*.md"))]
    assert any("\nextends: [" in t for t in texts)
    assert any("\nextends: dev\n" in t for t in texts)


def test_settings_are_tied_to_their_schema() -> None:
    first = (HOME / "settings.yml").read_text().splitlines()[0]
    reference = first.removeprefix("# yaml-language-server: $schema=")
    assert (HOME / reference).resolve() == ROOT / "schemas/settings.json"
    assert (HOME / reference).exists()


def test_the_readme_names_every_file() -> None:
    text = (ROOT / "examples/README.md").read_text()
    files = {str(p.relative_to(HOME)) for p in HOME.rglob("*") if p.is_file()}
    assert {f for f in files if f"(.bot-bottle/{f})" in text} == files
