"""Build contexts are deterministic and carry nothing of the host but the content."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

from botbottle.images.context import Context


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name: m for m in tar}


def tree(root: Path) -> bytes:
    context = Context()
    context.add_tree("site", root)
    return context.finish()


def test_the_same_tree_gives_the_same_bytes_whenever_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.py").write_text("2")
    (tmp_path / "one.py").write_text("1")
    first = tree(tmp_path)
    os.utime(tmp_path / "one.py", (1, 1))
    (tmp_path / "one.py").chmod(0o600)
    assert tree(tmp_path) == first
    (tmp_path / "one.py").write_text("3")
    assert tree(tmp_path) != first


def test_permissions_are_reduced_to_readable_or_executable(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o6700)
    (tmp_path / "data").write_text("")
    (tmp_path / "data").chmod(0o600)
    found = members(tree(tmp_path))
    assert (found["site/tool"].mode, found["site/data"].mode) == (0o755, 0o644)
    assert {m.uid for m in found.values()} == {0}


def test_bytecode_caches_stay_behind(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "x.pyc").write_bytes(b"x")
    (tmp_path / "x.py").write_text("")
    assert list(members(tree(tmp_path))) == ["site/x.py"]


def test_a_link_is_a_link() -> None:
    context = Context()
    context.add_link("bin/tool", "/opt/tool/tool")
    found = members(context.finish())["bin/tool"]
    assert found.issym()
    assert found.linkname == "/opt/tool/tool"
