"""pip is asked for wheels of the image's Python, with hashes, and for nothing that runs here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from botbottle.errors import ImageBuildFailed
from botbottle.images import wheels


def test_only_hashed_wheels_for_the_images_python(tmp_path: Path) -> None:
    argv = wheels.pip_command(tmp_path / "lock.txt", "x86_64", tmp_path / "site")
    assert argv[:3] == [sys.executable, "-m", "pip"]
    for wanted in ("--require-hashes", "--only-binary=:all:", "--no-deps", "--no-compile"):
        assert wanted in argv
    assert "--python-version=3.13" in argv
    assert "--platform=manylinux_2_28_x86_64" in argv
    assert "--platform=manylinux2014_x86_64" in argv
    assert not [a for a in argv if "index" in a or "://" in a]


def test_no_wheel_for_a_newer_glibc_than_the_images() -> None:
    tags = wheels.platform_tags("aarch64")
    assert "manylinux_2_41_aarch64" in tags
    assert "manylinux_2_42_aarch64" not in tags


def test_a_requirement_without_a_hash_fails_with_pips_words(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("six==1.16.0\n")  # refused by pip before it asks anybody for the package
    with pytest.raises(ImageBuildFailed, match=r"(?s)pip could not install.*hash") as caught:
        wheels.install("x86_64", tmp_path / "site", lock=lock)
    assert caught.value.where == "sidecar-deps"
