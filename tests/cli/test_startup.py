"""What a verb imports before it works: little, nothing heavy, nothing of strangers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from botbottle.session import Session, declared_or_raise
from tests.cli.homes import ENGINE, home

PACKAGE = Path(__file__).parents[2] / "botbottle"
HEAVY = {"docker", "deepdiff", "textual", "mitmproxy", "rich", "hyperscan", "sqlalchemy"}


@pytest.mark.parametrize("verb", ["plan", "validate"])
def test_reading_verbs_load_nothing_heavy(verb: str, tmp_path: Path) -> None:
    script = (
        "import sys; from botbottle.cli.app import main;"
        f"code = main(['--home', {str(home(tmp_path))!r}, '-C', {str(tmp_path)!r}, {verb!r}]);"
        "print(code, *sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin", "DOCKER_HOST": ENGINE},
        cwd=Path(__file__).parents[2],
        timeout=60,
    )
    code, *modules = ran.stdout.splitlines()[-1].split()
    assert code == ("8" if verb == "plan" else "0"), ran.stderr
    assert "botbottle" in modules and ("typer" in modules) == (verb == "validate")
    assert not HEAVY & set(modules)


def modules_of_a_plan(made: Path, root: Path) -> set[str]:
    """What is imported of the package in ``root`` until a plan asks for the engine, which is not
    there."""
    script = (
        "import sys; from botbottle.__main__ import main\n"
        f"sys.argv = ['bb', '--home', {str(made)!r}, '-C', {str(made.parent)!r}, 'plan']\n"
        "try: main()\n"
        "except SystemExit as ended: print(ended.code, *sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin", "DOCKER_HOST": ENGINE}, cwd=root, timeout=60,
    )  # fmt: skip
    code, *found = ran.stdout.splitlines()[-1].split()
    assert code == "8", ran.stderr
    return set(found)


def test_a_plan_of_an_unchanged_home_starts_with_next_to_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = {"typer", "pydantic", "ruamel.yaml", "inspect", "dataclasses", "typing_extensions"}
    slow |= {"urllib.parse", "importlib.resources", "asyncio", "ssl", "docker"}
    monkeypatch.setattr("botbottle.load.kept.SETTLED", 0.0)
    made, root = home(tmp_path), tmp_path / "code"
    # Of its own: what is kept holds for the code that kept it, and a checkout may be edited.
    shutil.copytree(PACKAGE, root / PACKAGE.name)
    monkeypatch.setattr("botbottle.load.inputs.PACKAGE", root / PACKAGE.name)
    (made / "run").mkdir()
    assert {"pydantic", "ruamel.yaml"} <= modules_of_a_plan(made, root)
    nobody: Any = None
    session = Session(made, tmp_path, {}, nobody, nobody)
    assert session.manifests.recall() is None
    session.manifests.keep(declared_or_raise(session.load()))
    assert not slow & modules_of_a_plan(made, root)
    (made / "agents/web.md").write_text("---\nbottle: web\n---\nmore\n")
    assert not slow & modules_of_a_plan(made, root), "the text below the keys needs no library"
    (made / "agents/web.md").write_text("---\nbottle: web\nstate: stopped\n---\nmore\n")
    assert {"pydantic", "ruamel.yaml"} <= modules_of_a_plan(made, root)
    (made / "agents/web.md").write_text("---\nbottle: web\n---\nmore\n")
    (root / PACKAGE.name / "py.typed").touch()
    assert {"pydantic", "ruamel.yaml"} <= modules_of_a_plan(made, root), "other code may read more"


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_the_engine_is_asked_before_the_rest_is_imported(verb: str, tmp_path: Path) -> None:
    """Its answer takes as long as the imports (they are there at the end), and as what follows
    them: the manifests are read, the plan is made."""
    rest = ("botbottle.session", "botbottle.load.inputs", "botbottle.planner.plan")
    script = (
        "import sys; from botbottle.__main__ import main\n"
        "from botbottle.engine.reader import DockerReader\n"
        f"there = lambda: sum(name in sys.modules for name in {rest!r})\n"
        "seen = []\n"
        "DockerReader.begin = lambda self: seen.append(there())\n"
        f"sys.argv = ['bb', '--home', {str(home(tmp_path))!r}, '-C', {str(tmp_path)!r}, {verb!r}]\n"
        "try: main()\n"
        "except SystemExit: print(seen, there())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={"PATH": "/usr/bin", "DOCKER_HOST": ENGINE}, cwd=Path(__file__).parents[2], timeout=60,
    )  # fmt: skip
    assert ran.stdout.splitlines()[-1] == f"[0] {len(rest)}", ran.stderr


def test_no_installed_package_gets_to_see_manifests(tmp_path: Path) -> None:
    info = tmp_path / "spy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[pydantic]\nspy = spy:plugin\n")
    (tmp_path / "spy.py").write_text("import sys\nsys.stderr.write('seen\\n')\nplugin = None\n")
    argv = ["-c", "from pydantic import BaseModel\nclass A(BaseModel): pass"]
    control = subprocess.run([sys.executable, *argv], **spying(tmp_path))
    assert "seen" in control.stderr
    argv = ["-m", "botbottle", "--home", str(home(tmp_path)), "validate"]
    ran = subprocess.run([sys.executable, *argv], **spying(tmp_path))
    assert ran.returncode == 0 and "seen" not in ran.stderr


def spying(path: Path) -> Any:
    """How to run a program with a plugin of pydantic's on its path."""
    where = f"{path}:{Path(__file__).parents[2]}"
    env = {"PATH": "/usr/bin", "PYTHONPATH": where}
    return {"capture_output": True, "text": True, "env": env, "cwd": path, "timeout": 120}


@pytest.mark.parametrize("args", [("scan", "FILE"), ("freezes", "--help")])
def test_a_plain_installation_has_what_its_verbs_need(
    args: tuple[str, ...], tmp_path: Path
) -> None:
    """``pip install botbottle`` without extras: what only an extra brings is not there."""
    (tmp_path / "FILE").write_text("nothing\n")
    script = (
        "import sys\n"
        "for name in ('hyperscan', 'mitmproxy', 'uvloop', 'psycopg', 'textual'):\n"
        "    sys.modules[name] = None\n"
        "from botbottle.cli.app import main\n"
        "import botbottle.executor.snapshots\n"
        f"sys.exit(main({[str(tmp_path / a) if a == 'FILE' else a for a in args]!r}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr


def test_what_a_plain_installation_needs_is_declared() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    core = {re.split(r"[<>=\[]", line)[0] for line in project["dependencies"]}
    assert {"ahocorasick-rs", "google-re2", "brotli", "zstandard"} <= core
