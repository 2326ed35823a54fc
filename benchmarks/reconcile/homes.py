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
