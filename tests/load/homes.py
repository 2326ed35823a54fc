"""A tiny language for homes: relative path → text, front matter fences added for ``.md``."""

from __future__ import annotations

from pathlib import Path

from botbottle.load.loader import Loaded

BASE = "agent_provider: {template: claude}"


def write(root: Path, files: dict[str, str]) -> Path:
    """Write ``files`` below ``root``. Names without extension are Markdown whose text is the
    front matter, up to an optional ``===`` line that starts the body."""
    for name, text in files.items():
        path = root / (name if "." in name.rpartition("/")[2] else f"{name}.md")
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            front, _, body = text.partition("\n===\n")
            text = f"---\n{front}\n---\n{body}"
        path.write_text(text, encoding="utf-8")
    return root


def codes(diagnostics: object) -> list[str]:
    """Codes in the order of the report."""
    return [d.code for d in diagnostics]  # type: ignore[attr-defined]


def two_agents(home: Path) -> Path:
    """A home with the agents ``lib`` and ``web``, both of one bottle."""
    return write(
        home, {"bottles/base": BASE, "agents/lib": "bottle: base", "agents/web": "bottle: base"}
    )


def names_of(loaded: Loaded) -> list[str]:
    """The bottles that are declared."""
    assert loaded.declared is not None, codes(loaded.diagnostics)
    return [b.name for b in loaded.declared.bottles]
