"""The home's own files as an apply makes them, and what it keeps as approved."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from botbottle.applying import generation, prepare_home
from botbottle.model.bottle import Policy
from botbottle.model.ledger_view import HoldRecord
from botbottle.model.paths import HomePaths
from botbottle.model.route import Dlp, Route
from botbottle.planner.facts import Facts, Guards
from botbottle.providers import HOST_LOGINS
from tests.support.worlds import FACTS, World, bottle, declared


def test_what_an_apply_makes_is_its_owners_alone_and_made_once(tmp_path: Path) -> None:
    paths = HomePaths(str(tmp_path / "home"))
    prepare_home(paths)
    key = Path(paths.fingerprint_key)
    first = key.read_bytes()
    prepare_home(paths)
    assert key.read_bytes() == first and len(first) == 32
    assert key.stat().st_mode & 0o777 == 0o600
    for folder in (Path(paths.home), Path(paths.home, "run"), Path(paths.ledger_dir)):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert [p.name for p in Path(paths.home, "run").iterdir()] == ["fingerprint.key"]


def test_a_full_disk_leaves_no_part_of_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("botbottle.applying.secrets.token_bytes", full)
    paths = HomePaths(str(tmp_path / "home"))
    with pytest.raises(OSError, match="No space left"):
        prepare_home(paths)
    assert list(Path(paths.home, "run").iterdir()) == []


BEFORE = bottle(routes=(Route("one.example"),))
EDITS = {
    "reach": bottle(routes=(Route("one.example"), Route("new.example"))),
    "login": bottle(routes=(Route("one.example"),), forward_host_credentials=True),
    "weaker": bottle(routes=(Route("one.example", dlp=Dlp(outbound_detectors=())),)),
    "unsupervised": bottle(routes=(Route("one.example"),), supervise=False),
    "learning": bottle(routes=(Route("one.example"),), learning=True),
}


def told(generation_: str) -> Facts:
    """What the planner is told after this generation was kept."""
    kept = json.loads(generation_)
    return replace(
        FACTS,
        secrets={**FACTS.secrets, **dict.fromkeys(HOST_LOGINS, "c" * 8)},
        approved={name: frozenset(found) for name, found in kept["reach"].items()},
        guards=Guards(kept["guards"]),
    )


def after(kept: str) -> Any:
    """A session whose newest generation this is."""
    return SimpleNamespace(applied=lambda _: json.loads(kept) if kept else None)


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("policy", ["cutoff", "freeze", "kill"])
@pytest.mark.parametrize("by", ["the order", "an apply of another bottle"])
def test_what_waits_while_a_bottle_is_held_is_asked_for_when_it_is_released(
    edit: str, policy: Policy, by: str
) -> None:
    """Neither the order nor who applies meanwhile has approved the edit."""
    world, spec, other = World(), EDITS[edit], bottle("other")
    first = generation(after(""), declared(BEFORE, other), ())
    world.converge(declared(BEFORE, other), told(first))
    hold = HoldRecord("proj-1/web", policy, "operator", "", "h1", 0.0)
    world.view = replace(world.view, holds={"proj-1/web": hold})
    ordered = world.plan(declared(spec, other), told(first))
    assert ordered.ops and ordered.needs == ()
    world.converge(declared(spec, other), told(first))
    only = ("web",) if by == "the order" else ()
    second = generation(after(first), declared(spec, other), only, {h.bottle for h in ordered.held})
    world.view = replace(world.view, holds={}, enforced={})
    assert "widen" in world.plan(declared(spec, other), told(second)).needs
    back = world.plan(declared(BEFORE, other), told(second))
    assert back.needs == (), "the control: what was approved before comes back unasked"


def test_what_is_destroyed_must_be_approved_again() -> None:
    first = generation(after(""), declared(BEFORE, bottle("other")), ())
    gone = replace(declared(BEFORE), bottles=())
    left = json.loads(generation(after(first), gone, ("web",)))
    assert left["reach"].keys() == left["guards"].keys() == {"other"}
    held = json.loads(generation(after(first), gone, (), {"web"}))
    assert held["reach"] == held["guards"] == {}
