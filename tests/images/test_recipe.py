"""Tags follow from content: the same inputs give the same tag, any other input another one."""

from __future__ import annotations

import ast
import functools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.errors import UsageError
from botbottle.images import clis, recipe

HOST_ONLY = ("cli", "watch", "executor", "load", "engine", "ui", "images", "planner")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    recipe.forget()
    yield
    recipe.forget()


def test_a_tag_is_short_and_stable() -> None:
    first = recipe.image_tag("sidecar")
    recipe.forget()
    assert recipe.image_tag("sidecar") == first
    repository, digest = first.split(":")
    assert repository == "botbottle/sidecar"
    assert len(digest) == 12
    assert set(digest) <= set("0123456789abcdef")


def test_every_image_has_a_tag_of_its_own() -> None:
    tags = {recipe.image_tag(name) for name in recipe.RECIPES}
    assert len(tags) == len(recipe.RECIPES)


def test_a_tag_costs_milliseconds_and_then_nothing() -> None:
    def once() -> float:
        start = time.perf_counter()
        recipe.image_tag("sidecar")
        return time.perf_counter() - start

    assert once() < 0.2  # 20 ms on a quiet machine
    assert once() < 0.001


def test_a_change_of_the_code_changes_the_sidecar_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: recipe.image_tag(name) for name in recipe.RECIPES}
    recipe.forget()
    changed = recipe.package_files() | {"botbottle/errors.py": b"changed"}
    monkeypatch.setattr(recipe, "package_files", lambda: changed)
    after = {name: recipe.image_tag(name) for name in recipe.RECIPES}
    assert {name for name in before if before[name] != after[name]} == {"sidecar"}


def test_a_change_of_the_lock_changes_the_wheels_and_what_stands_on_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = {name: recipe.image_tag(name) for name in recipe.RECIPES}
    recipe.forget()
    other = tmp_path / "lock.txt"
    other.write_text("six==1.16.0\n")
    monkeypatch.setattr(recipe, "lock_path", lambda: other)
    after = {name: recipe.image_tag(name) for name in recipe.RECIPES}
    assert {n for n in before if before[n] != after[n]} == {"sidecar", "sidecar-deps"}


def test_a_change_of_a_package_list_changes_the_base_and_all_its_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = {name: recipe.image_tag(name) for name in recipe.RECIPES}
    recipe.forget()
    grown = replace(recipe.RECIPES["base-agent"], packages=("git", "jq"))
    monkeypatch.setitem(recipe.RECIPES, "base-agent", grown)
    after = {name: recipe.image_tag(name) for name in recipe.RECIPES}
    changed = {n for n in before if before[n] != after[n]}
    clients = {f"agent-{name}" for name in clis.CLIS}
    assert changed == {"base-agent", "agent-base", *clients}


def test_a_named_base_changes_every_tag() -> None:
    for name in recipe.RECIPES:
        assert recipe.image_tag(name) != recipe.image_tag(name, "corp/debian:13")


def test_an_unknown_image_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        recipe.image_tag("agnet-base")
    assert "agent-base" in caught.value.hint


def test_moved_bytes_between_two_files_do_not_give_the_same_tag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tags = set()
    for parts in ({"a": b"xy", "b": b""}, {"a": b"x", "b": b"y"}):
        monkeypatch.setattr(recipe, "package_files", functools.cache(lambda parts=parts: parts))
        recipe.forget()
        tags.add(recipe.image_tag("sidecar"))
    assert len(tags) == 2


def test_only_the_sidecars_share_of_the_package_goes_in() -> None:
    names = recipe.package_files()
    assert "botbottle/errors.py" in names
    assert "botbottle/model/route.py" in names
    assert not [n for n in names if n.split("/")[1].removesuffix(".py") in HOST_ONLY]
    assert not [n for n in names if "__pycache__" in n]


def test_what_goes_in_imports_nothing_that_stays_out() -> None:
    for name, source in recipe.package_files().items():
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("botbottle."):
                assert (node.module or "").split(".")[1] not in HOST_ONLY, f"{name}: {node.module}"


def test_the_lock_pins_every_package_with_a_hash_and_names_no_source() -> None:
    text = recipe.lock_path().read_text()
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert "mitmproxy==12.2.3 \\" in pins
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert "://" not in text
    assert ";" not in text  # a marker would be judged by the host's Python, not the image's


def test_every_cli_is_pinned_by_version_and_hash_for_both_architectures() -> None:
    for cli in {part for name in clis.CLIS for part in clis.parts(name)}:
        assert [arch for arch, _ in cli.platforms] == ["x86_64", "aarch64"]
        for _, platform in cli.platforms:
            assert platform.spec.rsplit("@", 1)[1][0].isdigit()
            assert len(platform.sha512) == 88
