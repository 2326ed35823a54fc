"""The world may be copied into an image that holds Python and a handful of protocol libraries."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1] / "world"
ALLOWED = {"h11", "h2", "wsproto", "brotli", "zstandard", "cryptography"}
FILES = sorted(HERE.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """Full names of the modules that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found.add(str(node.module))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(HERE)))
def test_only_the_standard_library_and_protocol_libraries_are_imported(file: Path) -> None:
    for name in imported(file):
        top = name.partition(".")[0]
        fine = top in sys.stdlib_module_names or top in ALLOWED or name.startswith("tests.world")
        assert fine, f"{file.name} imports {name}"


def test_the_bottle_client_needs_the_standard_library_alone() -> None:
    names = imported(HERE / "bottle_client.py")
    assert {name.partition(".")[0] for name in names} <= set(sys.stdlib_module_names)
    assert 'require("node:' in (HERE / "bottle_client.cjs").read_text()


def test_no_file_is_long() -> None:
    lengths = {file.name: len(file.read_text().splitlines()) for file in FILES}
    assert max(lengths.values()) <= 330, lengths
