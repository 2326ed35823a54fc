"""Budget scopes: their order, their pools, and that a project can only narrow."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.load import load
from tests.load.homes import BASE, codes, write


def test_scopes_run_from_the_agent_over_its_bottles_and_ancestors_to_global(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        {
            "bottles/root": f"{BASE}\nbudget: {{claude: 9M}}",
            "bottles/p": "extends: root",
            "bottles/q": "budget: {claude: 3M/day}",
            "bottles/own": "extends: [p, q]",
            "bottles/extra": "budget: {codex: 1M}",
            "agents/web": "bottle: [own, extra]\nbudget: {claude: 10k}",
            "settings.yml": "budget: {claude: 50M/month}",
        },
    )
    loaded = load(tmp_path)
    assert loaded.declared is not None, codes(loaded.diagnostics)
    (spec,) = loaded.declared.bottles
    assert [(s.kind, s.key) for s in spec.scopes] == [
        ("agent", "agent:home/web"),
        ("bottle", "bottle:extra"),
        ("bottle", "bottle:own"),
        ("parent", "bottle:q"),
        ("parent", "bottle:p"),
        ("parent", "bottle:root"),
        ("global", "global"),
    ]
    limits = {s.key: [(x.tokens, x.window) for x in s.limits] for s in spec.scopes}
    assert limits["bottle:q"] == [(3_000_000, "day")]
    assert limits["global"] == [(50_000_000, "month")]
    assert limits["bottle:p"] == []


def project_says(tmp_path: Path, home: str, agent: str) -> list[str]:
    bottles = f"{BASE}\nbudget: {{claude: {home}}}" if home else BASE
    write(tmp_path / "home", {"bottles/base": bottles})
    write(tmp_path / "p/.bot-bottle", {"agents/web": f"bottle: base\nbudget: {{claude: {agent}}}"})
    return codes(load(tmp_path / "home", tmp_path / "p").errors)


@pytest.mark.parametrize(
    ("home", "agent"),
    [
        ("5M", "5M"),
        ("5M", "1k"),
        ("5M/day", "1M/day"),
        ("5M/day", "1M/week"),
        ("5M/day", "1M"),
        ("5M/hour", "1M/month"),
        ("5M/week", "1M"),
        ("", "900G"),
    ],
)
def test_a_project_may_narrow(tmp_path: Path, home: str, agent: str) -> None:
    assert project_says(tmp_path, home, agent) == []


@pytest.mark.parametrize(
    ("home", "agent"),
    [
        ("5M", "6M"),
        ("5M", "1M/day"),  # many days make more than five million
        ("5M/day", "1M/hour"),
        ("5M/month", "1M/week"),
        ("5M/week", "1M/month"),  # a week may span two months
    ],
)
def test_a_project_may_not_widen(tmp_path: Path, home: str, agent: str) -> None:
    assert project_says(tmp_path, home, agent) == ["BB2220"]


def test_the_nearest_scope_at_home_is_what_counts(tmp_path: Path) -> None:
    home = write(
        tmp_path / "home",
        {
            "bottles/root": f"{BASE}\nbudget: {{claude: 9M, codex: 9M}}",
            "bottles/base": "extends: root\nbudget: {claude: 1M}",
            "settings.yml": "budget: {gemini: 2M}",
        },
    )
    write(
        tmp_path / "p/.bot-bottle",
        {"agents/web": "bottle: base\nbudget: {claude: 2M, codex: 2M, gemini: 3M}"},
    )
    found = load(home, tmp_path / "p").errors
    assert [d.message.split()[-2] for d in found] == ["bottle:base", "global"]
    assert all(d.origin.line == 3 for d in found)


def test_a_projects_own_pool_does_not_replace_the_shared_one(tmp_path: Path) -> None:
    """Two agents with five million each would else spend ten where home gives five."""
    home = write(
        tmp_path / "home",
        {"bottles/base": f"{BASE}\nbudget: {{claude: 5M}}", "agents/lib": "bottle: base"},
    )
    write(
        tmp_path / "p/.bot-bottle",
        {
            "agents/one": "bottle: base\nbudget: {claude: 5M}",
            "agents/two": "bottle: base",
        },
    )
    loaded = load(home, tmp_path / "p")
    assert loaded.declared is not None
    modes = {b.name: b.budget_mode("nearest") for b in loaded.declared.bottles}
    assert modes == {"lib": "nearest", "one": "all", "two": "nearest"}


def test_home_agents_may_have_any_budget(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "bottles/base": f"{BASE}\nbudget: {{claude: 1M}}",
            "agents/web": "bottle: base\nbudget: {claude: 100M}",
        },
    )
    assert load(tmp_path).errors == ()


def test_the_planner_asks_every_pool_of_a_narrowing_agent(tmp_path: Path) -> None:
    from botbottle.planner.enforce import governing

    home = write(tmp_path / "home", {"bottles/base": f"{BASE}\nbudget: {{claude: 5M}}"})
    write(tmp_path / "p/.bot-bottle", {"agents/one": "bottle: base\nbudget: {claude: 1M}"})
    loaded = load(home, tmp_path / "p")
    assert loaded.declared is not None
    (spec,) = loaded.declared.bottles
    keys = [s.key for s in spec.scopes if s.limits]
    pools = {(key, "claude"): (key,) for key in keys}
    assert governing(spec, ("claude",), "nearest", pools) == keys  # type: ignore[arg-type]
    assert len(keys) == 2


def test_the_later_bottles_ancestors_come_first(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "bottles/x": BASE,
            "bottles/y": BASE,
            "bottles/a": "extends: x",
            "bottles/b": "extends: y",
            "agents/web": "bottle: [a, b]",
        },
    )
    loaded = load(tmp_path)
    assert loaded.declared is not None
    assert loaded.declared.bottles[0].ancestry == ("b", "a", "y", "x")
