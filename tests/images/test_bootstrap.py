"""The base image from Debian packages: which mirror, which packages, which errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from botbottle.errors import ImageBuildFailed
from botbottle.images import bootstrap

TARGETS = """\
Debian|oldstable|http://mirror.example/debian/
Debian|oldstable-updates|http://mirror.example/debian/
Debian|oldstable-security|http://mirror.example/debian-security/
nodistro|nodistro|http://node.example/
"""


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = tmp_path / "bin" / "mmdebstrap"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")


def test_the_machines_own_mirror_is_used_for_all_three_suites() -> None:
    mirror = bootstrap.parse_mirror(TARGETS)
    assert mirror.sources("trixie") == (
        "deb http://mirror.example/debian/ trixie main",
        "deb http://mirror.example/debian/ trixie-updates main",
        "deb http://mirror.example/debian-security/ trixie-security main",
    )


def test_without_debian_sources_the_default_is_left_to_mmdebstrap() -> None:
    assert bootstrap.parse_mirror("Ubuntu|noble|http://u.example/\n").sources("trixie") == ()


def test_a_mirror_with_a_password_never_reaches_an_image() -> None:
    text = "Debian|stable|http://user:secret@mirror.example/debian/\n"
    assert bootstrap.parse_mirror(text) == bootstrap.Mirror()


def test_packages_and_hardening_are_on_the_command_line(tmp_path: Path) -> None:
    argv = bootstrap.command(("git", "curl"), tmp_path / "r.tar", bootstrap.Mirror())
    assert "--include=git,curl" in argv
    assert any("perm /6000" in a for a in argv)
    assert any("resolv.conf" in a for a in argv)
    assert argv[-2:] == ["trixie", str(tmp_path / "r.tar")]


def test_a_missing_mmdebstrap_is_an_error_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageBuildFailed, match="mmdebstrap is not installed"):
        bootstrap.run(("git",), tmp_path / "root.tar")


def test_its_last_words_are_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "echo 'E: Unable to locate package gti' >&2; exit 100")
    with pytest.raises(ImageBuildFailed, match="Unable to locate package gti"):
        bootstrap.run(("gti",), tmp_path / "root.tar")
