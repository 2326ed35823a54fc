"""What is given to ``replace`` is checked before it runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = """\
from msgspec import Struct
from msgspec.structs import replace

class Child(Struct, frozen=True):
    text: str = ""

class Record(Struct, frozen=True):
    count: int = 0
    child: Child = Child()

one = Record()
replace(one, count=1, child=replace(one.child, text="a"))
replace(one, amount=1)
replace(one, count="1")
replace(one.child, count=1)
"""


def test_a_wrong_name_or_type_is_an_error_of_the_type_checker(tmp_path: Path) -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    (plugin,) = options["plugins"]
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nstrict = True\nplugins = {ROOT / plugin}\n")
    (tmp_path / "source.py").write_text(SOURCE)
    argv = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "--no-incremental"]
    done = subprocess.run(
        [*argv, "source.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    found = re.findall(r"^source\.py:(\d+): error: .*\[(.*)\]$", done.stdout, re.MULTILINE)
    assert found == [("13", "call-arg"), ("14", "arg-type"), ("15", "call-arg")], done.stdout
