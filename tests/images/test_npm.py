"""A provider's command is fetched with npm, checked, and unpacked without running anything."""

from __future__ import annotations

import base64
import hashlib
import io
import stat
import tarfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from botbottle.errors import ImageBuildFailed
from botbottle.images import clis, npm
from botbottle.images.context import Context

CLI = clis.Cli("demo", program="bin/demo", keep=("bin/",), platforms=())


def package(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def pinned(data: bytes) -> clis.Platform:
    digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
    return clis.Platform("demo@1.0.0", digest, "package/")


def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = tmp_path / "path" / "npm"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


def names(context: Context) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(context.finish())) as tar:
        return tar.getnames()


def test_the_wanted_files_and_the_link_go_in(tmp_path: Path) -> None:
    data = package(("package/bin/demo", b"ELF"), ("package/voice/big", b"x"))
    (tmp_path / "p.tgz").write_bytes(data)
    context = Context()
    npm.repack(tmp_path / "p.tgz", CLI, pinned(data), context)
    assert names(context) == ["opt/demo/bin/demo", "bin/demo"]


def test_a_path_that_climbs_out_is_not_taken(tmp_path: Path) -> None:
    data = package(("package/bin/../../../etc/passwd", b"x"), ("package/bin/demo", b"ELF"))
    (tmp_path / "p.tgz").write_bytes(data)
    context = Context()
    npm.repack(tmp_path / "p.tgz", CLI, pinned(data), context)
    assert names(context) == ["opt/demo/bin/demo", "bin/demo"]


def test_a_package_without_its_program_is_refused(tmp_path: Path) -> None:
    data = package(("package/bin/other", b"ELF"))
    (tmp_path / "p.tgz").write_bytes(data)
    with pytest.raises(ImageBuildFailed, match="does not contain bin/demo"):
        npm.repack(tmp_path / "p.tgz", CLI, pinned(data), Context())


def test_another_package_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    data = package(("package/bin/demo", b"ELF"))
    (tmp_path / "p.tgz").write_bytes(data)
    npm.verify(tmp_path / "p.tgz", pinned(data))
    (tmp_path / "p.tgz").write_bytes(data + b"\0")
    with pytest.raises(ImageBuildFailed, match="not the package that was pinned"):
        npm.verify(tmp_path / "p.tgz", pinned(data))


def test_without_npm_the_error_says_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageBuildFailed, match="npm is needed") as caught:
        npm.add(Context(), "claude", "x86_64", tmp_path)
    assert "dockerfile:" in caught.value.hint


def test_npm_is_told_to_run_no_scripts_and_gets_the_pinned_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_npm(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/argv; touch "$5/demo-1.0.0.tgz"')
    work = tmp_path / "work"
    work.mkdir()
    assert npm.fetch(pinned(b""), "demo", work).name == "demo-1.0.0.tgz"
    argv = (tmp_path / "argv").read_text().split()
    assert "--ignore-scripts" in argv
    assert argv[-1] == "demo@1.0.0"


def test_npms_last_words_are_in_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_npm(tmp_path, monkeypatch, "echo 'npm error code E404' >&2; exit 1")
    work = tmp_path / "work"
    work.mkdir()
    with pytest.raises(ImageBuildFailed, match="E404"):
        npm.fetch(pinned(b""), "demo", work)


def test_what_runs_a_command_comes_with_it_and_is_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, runtime = package(("package/bin/demo", b"JS")), package(("package/bin/node", b"ELF"))
    made = {"demo@1.0.0": command, "node@1.0.0": runtime}

    def fetched(platform: clis.Platform, _: str, folder: Path) -> Path:
        (folder / "p.tgz").write_bytes(made[platform.spec])
        return folder / "p.tgz"

    def cli(name: str) -> clis.Cli:
        pin = replace(pinned(made[f"{name}@1.0.0"]), spec=f"{name}@1.0.0")
        return clis.Cli(name, f"bin/{name}", ("bin/",), (("x86_64", pin),))

    monkeypatch.setattr(npm, "fetch", fetched)
    monkeypatch.setitem(clis.CLIS, "demo", cli("demo"))
    monkeypatch.setitem(clis.RUNTIMES, "demo", cli("node"))
    context, work = Context(), tmp_path / "work"
    work.mkdir()
    npm.add(context, "demo", "x86_64", work)
    assert names(context) == ["opt/demo/bin/demo", "bin/demo", "opt/node/bin/node", "bin/node"]
    made["node@1.0.0"] += b"\0"
    with pytest.raises(ImageBuildFailed, match="not the package that was pinned"):
        npm.add(Context(), "demo", "x86_64", tmp_path)


def test_an_architecture_without_a_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageBuildFailed, match="riscv64"):
        npm.add(Context(), "codex", "riscv64", tmp_path)
