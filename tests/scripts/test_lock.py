"""The lock files follow from pyproject.toml, are complete, and name no package source."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("core", "dev", "sidecar")


def pins(lock: str) -> dict[str, str]:
    """Name → version."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE))


def wanted(*groups: str) -> set[str]:
    """Normalised names of the direct requirements."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = list(project["dependencies"]) if "core" in groups else []
    for group in groups:
        lines += project["optional-dependencies"].get(group, [])
    names = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines)
    return {re.sub(r"[-_.]+", "-", m.group().lower()) for m in names if m}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) > 10
    assert not [b.splitlines()[0] for b in blocks if "--hash=sha256:" not in b]


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_package_source(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    assert not re.search(r"://|index-url|find-links|# via", text)


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("core", ("core",)),
        ("dev", ("core", "sidecar", "dlp", "postgres", "top", "dev")),
        ("sidecar", ("sidecar", "dlp", "postgres")),
    ],
)
def test_every_direct_requirement_is_pinned(lock: str, groups: tuple[str, ...]) -> None:
    missing = wanted(*groups) - set(pins(lock))
    assert not missing, "run scripts/lock"


def test_the_image_and_the_user_get_the_versions_that_were_tested() -> None:
    tested = pins("dev")
    for lock in ("core", "sidecar"):
        assert pins(lock).items() <= tested.items()
