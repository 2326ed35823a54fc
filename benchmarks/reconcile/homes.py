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


def change_one(home: Path, turn: int) -> None:
    """Another prompt for one agent: its container is made anew."""
    text = f"---\nbottle: base\nstate: started\n---\nwork, round {turn}\n"
    (home / "agents/bench0.md").write_text(text)
