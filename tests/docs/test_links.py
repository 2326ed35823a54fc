"""Links between the documents lead to files and headings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
FENCED = re.compile(r"^```.*?^```", re.M | re.S)


def anchors(text: str) -> set[str]:
    """As the usual renderers make them: lower case, signs left out, blanks as dashes."""
    heads = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def broken(page: Path, text: str) -> list[str]:
    found = []
    for file, anchor in LINK.findall(text):
        target = page.parent / file if file else page
        known = anchors(target.read_text("utf-8")) if target.suffix == ".md" else set()
        if not target.exists() or (anchor and anchor not in known):
            found.append(f"{file}#{anchor}")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page, page.read_text("utf-8")) == []


def test_a_wrong_link_would_be_noticed() -> None:
    page = ROOT / "docs/egress.md"
    assert broken(page, "[a](#credentials) [b](#nowhere) [c](ledger.md#admission)") == ["#nowhere"]
