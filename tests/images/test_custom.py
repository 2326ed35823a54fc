"""A bottle's own Dockerfile: tagged by content, built from its own directory and nothing else."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from botbottle.errors import ManifestError
from botbottle.images import custom, ensure, image_tag
from botbottle.images.recipe import REGISTRY_BASE
from tests.images.fake_engine import FakeEngine

ON_OURS = "ARG BB_BASE\nFROM ${BB_BASE}\nCOPY tool /usr/local/bin/tool\n"


@pytest.fixture
def where(tmp_path: Path) -> Path:
    root = tmp_path / "image"
    root.mkdir()
    (root / "Dockerfile").write_text(ON_OURS)
    (root / "tool").write_text("#!/bin/sh\n")
    (root / "tool").chmod(0o755)
    return root


def name(root: Path) -> str:
    return f"dockerfile:{root}/Dockerfile"


def test_the_tag_follows_every_file_and_the_base(where: Path) -> None:
    tags = [image_tag(name(where)), image_tag(name(where), "corp/debian:13")]
    (where / "tool").write_text("#!/bin/bash\n")
    tags.append(image_tag(name(where)))
    (where / "tool").chmod(0o644)
    tags.append(image_tag(name(where)))
    (where / "Dockerfile").write_text(ON_OURS + "USER 1000\n")
    tags.append(image_tag(name(where)))
    assert len(set(tags)) == len(tags)
    assert all(tag.startswith("botbottle/custom:") for tag in tags)


def test_the_same_content_elsewhere_is_the_same_image(where: Path, tmp_path: Path) -> None:
    first = image_tag(name(where))
    where.rename(tmp_path / "moved")
    assert image_tag(name(tmp_path / "moved")) == first


def test_a_base_of_the_users_own_does_not_depend_on_ours(where: Path) -> None:
    (where / "Dockerfile").write_text("FROM debian:trixie-slim\n")
    assert image_tag(name(where)) == image_tag(name(where), "corp/debian:13")
    engine = FakeEngine()
    ensure(engine, name(where))
    assert engine.calls == ["build custom"]
    assert engine.buildargs["custom"] == {}


def test_our_base_is_built_first_and_handed_over(where: Path) -> None:
    engine = FakeEngine(pullable={REGISTRY_BASE})
    ensure(engine, name(where))
    assert engine.calls[-2:] == ["build agent-base", "build custom"]
    assert engine.buildargs["custom"] == {"BB_BASE": image_tag("agent-base")}
    assert sorted(engine.contexts["custom"]) == ["Dockerfile", "tool"]
    engine.calls.clear()
    ensure(engine, name(where))
    assert engine.calls == []


def test_a_dockerfile_of_another_name_becomes_the_dockerfile(where: Path) -> None:
    (where / "agent.Dockerfile").write_text("FROM scratch\n")
    engine = FakeEngine()
    ensure(engine, f"dockerfile:{where}/agent.Dockerfile")
    assert engine.contexts["custom"]["Dockerfile"] == b"FROM scratch\n"


def test_a_link_is_not_followed_out_of_the_directory(where: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    (where / "leak").symlink_to(tmp_path / "secret")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_text("s3cret")
    (where / "folder").symlink_to(tmp_path / "private")
    entries = custom.read(name(where)).entries
    assert entries["leak"].link == str(tmp_path / "secret")
    assert entries["folder"].link == str(tmp_path / "private")
    assert not [e for e in entries.values() if b"s3cret" in e.data]


def test_the_bb_home_and_the_home_directory_are_no_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    home = tmp_path / ".bot-bottle"
    (home / "bottles").mkdir(parents=True)
    for root in (tmp_path, home):
        (root / "Dockerfile").write_text("FROM scratch\n")
        with pytest.raises(ManifestError, match="into the image") as caught:
            image_tag(name(root))
        assert "directory of its own" in caught.value.hint


def test_a_home_relative_path_is_expanded_and_a_plain_relative_one_refused(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(where.parent))
    assert image_tag("dockerfile:~/image/Dockerfile") == image_tag(name(where))
    with pytest.raises(ManifestError, match="not an absolute path"):
        image_tag("dockerfile:image/Dockerfile")


def test_a_missing_dockerfile_is_a_manifest_error(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(ManifestError, match="No such file"):
        image_tag(f"dockerfile:{tmp_path}/x/Dockerfile")


def test_a_huge_context_is_refused_before_it_is_read_whole(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custom, "LIMIT", 1000)
    image_tag(name(where))
    for index in range(3):
        (where / f"part{index}").write_bytes(b"x" * 500)
    with pytest.raises(ManifestError, match="more than"):
        image_tag(name(where))


def test_history_sockets_and_caches_are_left_out(where: Path) -> None:
    (where / ".git").mkdir()
    (where / ".git" / "config").write_text("token")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(where / "s"))
        assert sorted(custom.read(name(where)).entries) == ["Dockerfile", "tool"]
