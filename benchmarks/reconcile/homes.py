"""A bb home with N bottles."""

from __future__ import annotations

from pathlib import Path


def write_home(home: Path, n: int) -> None:
    """One bottle file, N agents that use it."""
    (home / "bottles").mkdir(parents=True)
    (home / "agents").mkdir()
    (home / "bottles/base.md").write_text(
        "---\nagent_provider: {template: claude}\nsupervise: false\nbudget: {claude: 5M}\n---\n"
    )
    for i in range(n):
        (home / f"agents/bench{i}.md").write_text("---\nbottle: base\nstate: started\n---\nwork\n")


def change_one(home: Path, turn: int, keys: str = "") -> None:
    """Another prompt for one agent, or other ``keys``: its container is made anew."""
    text = f"---\nbottle: base\nstate: started\n{keys}---\nwork, round {turn}\n"
    (home / "agents/bench0.md").write_text(text)


def change_keys(home: Path, turn: int) -> None:
    """Two environment variables of the container (who commits), by the agent's keys."""
    change_one(home, turn, f"git-gate: {{user: {{name: Round {turn}}}}}\n")
