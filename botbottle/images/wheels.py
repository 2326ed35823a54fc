"""The sidecar's wheels, installed on the host for the image's Python, whatever the host runs.

The machine's own pip configuration says where packages come from; the pinned hashes say that
they are the right ones. Only wheels: nothing of a package is executed on the host.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from botbottle.errors import ImageBuildFailed
from botbottle.images import recipe

TIMEOUT = 900  # seconds, for 25 MB in about 45 wheels
GLIBC = 41  # trixie has glibc 2.41; older manylinux tags fit too


def platform_tags(arch: str) -> tuple[str, ...]:
    """The manylinux tags that an image of ``arch`` (``x86_64``, ``aarch64``) can run."""
    numbered = [f"manylinux_2_{minor}_{arch}" for minor in range(GLIBC, 4, -1)]
    return (*numbered, f"manylinux2014_{arch}", f"linux_{arch}")


def pip_command(lock: Path, arch: str, target: Path) -> list[str]:
    """The installation as an argument list."""
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-compile"]
    argv += ["--disable-pip-version-check", "--no-deps", "--require-hashes"]
    argv += ["--only-binary=:all:", f"--python-version={recipe.PYTHON}", "--implementation=cp"]
    argv += [f"--platform={tag}" for tag in platform_tags(arch)]
    return [*argv, f"--target={target}", f"--requirement={lock}"]


def install(arch: str, target: Path, *, lock: Path | None = None) -> None:
    """Fill ``target`` with importable packages. Raises ImageBuildFailed with pip's last words."""
    command = pip_command(lock or recipe.lock_path(), arch, target)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise ImageBuildFailed(f"pip took over {TIMEOUT} s", where="sidecar-deps") from error
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise ImageBuildFailed(
            f"pip could not install the sidecar's packages\n{last}",
            where="sidecar-deps",
            hint="check that pip can reach its package source (pip config list; pip download six)",
        )
    shutil.rmtree(target / "bin", ignore_errors=True)
