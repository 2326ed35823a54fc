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


def change_prompt(home: Path, turn: int) -> None:
    """Another prompt for one agent: its container is made anew. The keys stay."""
    path = home / "agents/bench0.md"
    front, _, _ = path.read_text().rpartition("---\n")
    path.write_text(f"{front}---\nwork, round {turn}\n")


def change_keys(home: Path, turn: int) -> None:
    """Two environment variables of the container (who commits), by the agent's keys."""
    keys = f"bottle: base\nstate: started\ngit-gate: {{user: {{name: Round {turn}}}}}\n"
    (home / "agents/bench0.md").write_text(f"---\n{keys}---\nwork\n")
