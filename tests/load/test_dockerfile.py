"""A Dockerfile is named by an absolute path; what else it names is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.load import load
from tests.load.homes import write


def said(home: Path, named: str) -> list[tuple[str, str, str]]:
    front = f"agent_provider:\n  template: claude\n  dockerfile: {named}"
    write(home, {"bottles/web": front, "agents/web": "bottle: web"})
    return [(d.code, str(d.origin), d.hint) for d in load(home).errors]


@pytest.mark.parametrize("named", ["./Nope", "Dockerfile", "../x/Dockerfile", "a/~/b"])
def test_a_relative_one_is_an_error_with_its_place_and_what_to_write(
    tmp_path: Path, named: str
) -> None:
    ((code, place, hint),) = said(tmp_path / "home", named)
    assert code == "BB2104" and place == "home:bottles/web.md:4"
    assert "/..." in hint and "~/..." in hint


@pytest.mark.parametrize("named", ["/srv/image/Dockerfile", "~/image/Dockerfile"])
def test_an_absolute_one_is_none(tmp_path: Path, named: str) -> None:
    assert said(tmp_path / "home", named) == []
