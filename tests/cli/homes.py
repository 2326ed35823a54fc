"""A small home for verbs that run as processes, and an engine that is not there."""

from __future__ import annotations

from pathlib import Path

ENGINE = "unix:///nonexistent.sock"


def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    for name in ("bottles", "agents"):
        (made / name).mkdir(parents=True)
    (made / "bottles/web.md").write_text("---\nagent_provider:\n  template: claude\n---\n")
    (made / "agents/web.md").write_text("---\nbottle: web\n---\n")
    return made
