"""Which steps a build takes, in which order, and what a failing one says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from botbottle.errors import ImageBuildFailed, Transient
from botbottle.images import bootstrap, ensure, image_tag, wheels
from botbottle.images.recipe import REGISTRY_BASE
from botbottle.model import labels
from tests.images.fake_engine import FakeEngine


@pytest.fixture(autouse=True)
def no_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's tools, without a package source behind them."""

    def install(arch: str, target: Path) -> None:
        target.mkdir()
        (target / "dep.py").write_text(arch)

    monkeypatch.setattr(wheels, "install", install)
    monkeypatch.setattr(bootstrap, "available", lambda: False)


def with_mmdebstrap(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    made: list[tuple[str, ...]] = []

    def run(packages: Sequence[str], target: Path) -> None:
        target.write_bytes(b"tar")
        made.append(tuple(packages))

    monkeypatch.setattr(bootstrap, "run", run)
    return made


def test_with_a_registry_the_base_is_pulled_and_each_image_stands_on_its_parent() -> None:
    engine = FakeEngine(pullable={REGISTRY_BASE})
    ensure(engine, "sidecar")
    assert engine.calls == [
        f"pull {REGISTRY_BASE}",
        "build base-sidecar",
        "build sidecar-deps",
        "build sidecar",
    ]
    assert engine.buildargs["base-sidecar"]["FROM"] == REGISTRY_BASE
    assert "python3" in engine.buildargs["base-sidecar"]["PACKAGES"].split()
    assert engine.buildargs["sidecar"]["FROM"] == image_tag("sidecar-deps")


def test_a_second_build_is_no_call_at_all() -> None:
    engine = FakeEngine(pullable={REGISTRY_BASE})
    first = ensure(engine, "sidecar")
    engine.calls.clear()
    assert ensure(engine, "sidecar") == first
    assert engine.calls == []


def test_only_what_is_missing_is_built() -> None:
    engine = FakeEngine(images={image_tag("sidecar-deps"): "sha256:1"})
    ensure(engine, "sidecar")
    assert engine.calls == ["build sidecar"]


def test_a_base_that_is_there_already_is_not_pulled() -> None:
    engine = FakeEngine(images={REGISTRY_BASE: "sha256:1"})
    ensure(engine, "agent-base")
    assert engine.calls == ["build base-agent", "build agent-base"]


def test_without_a_registry_the_base_comes_from_debian_packages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = with_mmdebstrap(monkeypatch)
    engine = FakeEngine()
    ensure(engine, "agent-base")
    assert engine.calls == [f"pull {REGISTRY_BASE}", "import base-agent", "build agent-base"]
    assert "ripgrep" in made[0]


def test_a_pulled_base_whose_packages_cannot_be_installed_is_not_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_mmdebstrap(monkeypatch)
    engine = FakeEngine(pullable={REGISTRY_BASE}, broken={"base-agent"})
    ensure(engine, "agent-base")
    assert engine.calls[-2:] == ["import base-agent", "build agent-base"]


def test_when_nothing_works_the_error_names_every_way_and_the_way_out() -> None:
    engine = FakeEngine()
    with pytest.raises(ImageBuildFailed) as caught:
        ensure(engine, "agent-base")
    assert f"no registry has {REGISTRY_BASE}" in caught.value.message
    assert "mmdebstrap" in caught.value.message
    assert "images:" in caught.value.hint
    assert engine.images == {}


def test_a_named_base_is_the_only_one_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with_mmdebstrap(monkeypatch)
    engine = FakeEngine(pullable={REGISTRY_BASE})
    with pytest.raises(Transient, match="corp/debian"):
        ensure(engine, "agent-base", base="corp/debian:13")
    assert engine.calls == ["pull corp/debian:13"]
    engine.pullable.add("corp/debian:13")
    ensure(engine, "agent-base", base="corp/debian:13")
    assert engine.buildargs["base-agent"]["FROM"] == "corp/debian:13"


def test_a_failing_step_names_its_image_and_the_way_out_and_leaves_no_tag() -> None:
    engine = FakeEngine(images={image_tag("sidecar-deps"): "sha256:1"}, broken={"sidecar"})
    with pytest.raises(ImageBuildFailed) as caught:
        ensure(engine, "sidecar")
    assert "E: broken packages" in caught.value.message
    assert caught.value.where == "image sidecar"
    assert caught.value.hint
    assert image_tag("sidecar") not in engine.images


def test_the_contexts_hold_what_the_dockerfiles_copy() -> None:
    engine = FakeEngine(pullable={REGISTRY_BASE})
    ensure(engine, "sidecar", arch="x86_64")
    assert engine.contexts["sidecar-deps"]["site/dep.py"] == b"x86_64"
    assert "botbottle/errors.py" in engine.contexts["sidecar"]
    assert b"COPY botbottle" in engine.contexts["sidecar"]["Dockerfile"]


def test_every_image_carries_our_label() -> None:
    engine = FakeEngine(pullable={REGISTRY_BASE})
    ensure(engine, "sidecar")
    assert {found[labels.KIND] for found in engine.labels.values()} == {"image"}


def test_progress_is_one_line_a_step() -> None:
    lines: list[str] = []
    ensure(FakeEngine(pullable={REGISTRY_BASE}), "agent-base", lines.append)
    assert lines[0] == f"pulling {REGISTRY_BASE}"
    assert lines[-1] == f"building {image_tag('agent-base')}"
