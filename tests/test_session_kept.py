"""What a run has kept of manifests: the next one reads none of them, and plans the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.load import Overrides
from botbottle.load.kept import Kept
from botbottle.session import Session, declared_or_raise
from tests.load.homes import write
from tests.support.sessions import session


def kept_home(tmp_path: Path) -> Session:
    made = session(tmp_path)
    write(
        made.home,
        {
            "bottles/base": "agent_provider: {template: claude}",
            "bottles/own": f"agent_provider: {{dockerfile: {tmp_path}/image/Dockerfile}}",
            "agents/web": "bottle: base",
            "agents/own": "bottle: own",
        },
    )
    (tmp_path / "image").mkdir()
    (tmp_path / "image/Dockerfile").write_text("FROM scratch\n")
    assert made.manifests.recall() is None
    made.manifests.keep(declared_or_raise(made.load()))
    return session(tmp_path)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are old enough to be trusted at once."""
    monkeypatch.setattr("botbottle.load.kept.SETTLED", 0.0)


@pytest.fixture
def recalled(tmp_path: Path, settled: None) -> tuple[Session, Kept]:
    """A session, and what it has of an earlier one."""
    made = kept_home(tmp_path)
    kept = made.manifests.recall()
    assert kept is not None
    return made, kept


def test_what_a_run_has_kept_the_next_one_does_not_read(
    tmp_path: Path, recalled: tuple[Session, Kept]
) -> None:
    made, kept = recalled
    assert kept.declared == session(tmp_path).load().declared
    fresh = session(tmp_path)
    assert fresh.facts(kept.declared).images == made.facts(kept.declared).images
    assert set(kept.images) == {"sidecar", "agent-claude"}
    made.manifests.keep(kept.declared)  # nothing was loaded: nothing to do


def test_a_dockerfile_is_read_for_every_plan(
    tmp_path: Path, recalled: tuple[Session, Kept]
) -> None:
    made, kept = recalled
    before = made.facts(kept.declared).images
    (tmp_path / "image/Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
    assert made.facts(kept.declared).images != before


def test_a_dockerfile_that_cannot_be_read_is_told_of_its_bottles_alone(tmp_path: Path) -> None:
    kept_home(tmp_path)
    (tmp_path / "image/Dockerfile").unlink()
    made = session(tmp_path)
    facts = made.facts(declared_or_raise(made.load()))
    ((recipe, why),) = facts.unreadable.items()
    assert "No such file" in why and facts.images[recipe] == ""
    assert all(tag for name, tag in facts.images.items() if name != recipe)


def test_kept_tags_are_of_the_base_image_that_they_were_made_with(
    tmp_path: Path, recalled: tuple[Session, Kept]
) -> None:
    """A watch lives on after an edit, an undo plans to an older set."""
    made, kept = recalled
    before = made.facts(kept.declared).images
    write(made.home, {"settings.yml": "base_image: debian:other\n"})
    edited = declared_or_raise(made.load())
    fresh = session(tmp_path)
    assert made.facts(edited).images == fresh.facts(declared_or_raise(fresh.load())).images
    assert made.facts(edited).images["sidecar"] != before["sidecar"]
    assert made.facts(kept.declared).images == before


def test_options_that_change_what_manifests_mean_are_not_answered_from_what_was_kept(
    tmp_path: Path, settled: None
) -> None:
    made = kept_home(tmp_path)
    made.manifests.overrides = Overrides(bottles=("base",))
    assert made.manifests.recall() is None
    loaded = declared_or_raise(made.load())
    made.manifests.keep(loaded)
    assert loaded.bottles[0].dockerfile == ""
    other = session(tmp_path).manifests.recall()
    assert other is not None and other.declared.bottles[0].dockerfile
